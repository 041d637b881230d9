"""Where people see a message that arrived."""

import re

from relay.store.history_rows import Ended

ADDRESS = re.compile(r"https://[\w.-]+(:\d+)?/[\w./?=&%#~+:@-]*", re.ASCII)


def permalink(row: Ended) -> str:
    """'' where there is none: what others answer, and why they refused, leads nowhere, whatever it looks like."""
    return link_of(row.detail) if row.outcome == "delivered" else ""


def link_of(answer: str) -> str:
    """What was answered of a message that arrived, where that is its address; else ''."""
    return answer if ADDRESS.fullmatch(answer) else ""
