"""Table of each status at each priority, as docs/notifications.md says it to people."""

import re
from pathlib import Path

from relay.domain.events import PRIORITIES

PAGE = Path(__file__).parents[2] / "docs" / "notifications.md"
# - no message, S shown by the message, R a reply too, B shown to the conversation too, N that at a reminder
DOES = {
    "–": "-", "root": "S", "root, then edits": "S", "edit": "S",
    "edit and reply": "R", "edit and broadcast reply": "B", "edit, each reminder a broadcast reply": "N",
}  # fmt: skip
MENTIONS = {None: "", "owner": "o", "group": "g"}
_CELL = re.compile(
    rf"({'|'.join(sorted(DOES, key=len, reverse=True))})(?:, mentions the (\w+))?(, passes quiet hours)?"
)


def _table() -> list[list[str]]:
    """The cells of the page's table of statuses and priorities, row by row."""
    lines = PAGE.read_text("utf-8").splitlines()
    first = lines.index(f"| status | {' | '.join(PRIORITIES)} |") + 2
    last = lines.index("", first)
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[first:last]]


def _code(text: str) -> tuple[str, bool]:
    """`edit and reply, mentions the owner` is `Ro`; and whether it passes quiet hours."""
    match = _CELL.fullmatch(text)
    assert match, f"{PAGE.name}: {text!r} says nothing that relay does"
    does, whom, passes = match.groups()
    return DOES[does] + MENTIONS[whom], bool(passes)


_ROWS = [
    (status, priority, *_code(text))
    for statuses, *texts in _table()
    for status in statuses.split(", ")
    for priority, text in zip(PRIORITIES, texts, strict=True)
]
CELLS = [(status, priority, code) for status, priority, code, _ in _ROWS]
PASSING = {(status, priority) for status, priority, _, passes in _ROWS if passes}
