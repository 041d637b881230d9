"""The page that shows messages as Slack does: that of the stand-in, and one by itself for authors of templates."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from relay_sandbox.standins.slack_limits import validate

PAGE = Path(__file__).with_name("slack_page.html")
PREVIEW = "C0PREVIEW1"  # the id of the one conversation of a preview


def live_page() -> str:
    """Read the page that asks its server for the messages."""
    return PAGE.read_text("utf-8")


def still_page(state: Mapping[str, Any]) -> str:
    """Build the page that shows this state, in the form of its server, and asks for nothing."""
    document = json.dumps({"version": "0", **state}, ensure_ascii=False).replace("<", "\\u003c")
    script = f'<script type="application/json" id="given">{document}</script>\n<script>'
    return live_page().replace("<script>", script, 1)


def page_of(messages: Iterable[Mapping[str, Any]], *, at: float) -> str:
    """Build the page of these messages, and why Slack would refuse one. `at`: when posted, in epoch seconds."""
    posted: list[dict[str, Any]] = []
    refusals: list[str] = []
    for message in messages:
        faults = validate(message)
        refusals += faults
        if not faults:
            posted.append({
                "ts": f"{at + len(posted) * 1e-5:.6f}", "channel": PREVIEW, "text": message.get("text") or "",
                "blocks": message.get("blocks") or [], "attachments": [], "thread_ts": "", "broadcast": False,
                "edited": False, "revisions": 0, "replies": [],
            })  # fmt: skip
    return still_page({
        "workspace": "Preview", "users": {}, "groups": {}, "violations": refusals[-20:], "whispers": [],
        "conversations": [{"id": PREVIEW, "name": "preview", "messages": posted}],
    })  # fmt: skip
