"""The paper that a picture is drawn on: its width, its clock, and the letters that whoever reads it can see."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from babel.dates import format_timedelta
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from relay.cli.options import visible
from relay.operating.clocks import there

JUST_NOW = 2.0  # seconds
GAP = "  "  # between two columns
Name = tuple[str, ...]  # what a run is known by from one look to the next, () for none


class Letters(NamedTuple):
    """What is drawn with."""

    done: str
    left: str
    good: str
    bad: str
    dot: str
    chosen: str


BLOCKS = Letters("█", "░", "✔", "✘", "·", "▶")
ASCII = Letters("#", "-", "+", "!", "-", ">")


def letters_of(encoding: str | None) -> Letters:
    """Those that can be written there."""
    try:
        "".join(BLOCKS).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a picture; `run` is what names the run whose line it is."""

    text: Text
    run: Name = ()


def harmless(text: str) -> str:
    """On one line, and without what would steer a terminal: it may come from a stranger."""
    return " ".join(visible(text).split())


@dataclass(frozen=True, slots=True)
class Sheet:
    """`zone` is whose clocks say when something was."""

    width: int
    now: datetime
    zone: str
    letters: Letters = BLOCKS

    def ago(self, at: datetime | None) -> str:
        """`20m ago`, or `in 5m`; '' for no time."""
        if at is None:
            return ""
        delta = at - self.now
        if abs(delta.total_seconds()) < JUST_NOW:
            return "just now"
        return format_timedelta(delta, add_direction=True, locale="en", threshold=1.2, format="narrow")

    def clock(self, at: datetime) -> str:
        """`12:40`, with the day where it is another one."""
        local = there(at, self.zone)
        return f"{local:%H:%M}" if local.date() == there(self.now, self.zone).date() else f"{local:%Y-%m-%d %H:%M}"

    def since(self, at: datetime | None) -> str:
        """`12:20, 20m ago`; '' for no time."""
        return f"{self.clock(at)}, {self.ago(at)}" if at else ""

    def bar(self, percentage: float | None, width: int, style: str) -> Text:
        """How far it is; of a run that does not say that, room."""
        if percentage is None:
            return Text(" " * width)
        done = min(width, max(0, int(percentage / 100 * width)))
        return Text(self.letters.done * done, style).append(self.letters.left * (width - done), "dim")

    def cell(self, text: str | Text, width: int, style: str = "", *, right: bool = False) -> Text:
        """Exactly so wide: what is longer is cut, and marked so where the mark can be written."""
        cell = text.copy() if isinstance(text, Text) else Text(harmless(text), style)
        cell.truncate(width, overflow="ellipsis" if self.letters is BLOCKS else "crop")
        room = " " * (width - cell_len(cell.plain))
        return Text(room).append_text(cell) if right else cell.append(room)

    def fit(self, text: Text) -> Text:
        """Cut where the sheet ends."""
        return self.cell(text, min(self.width, cell_len(text.plain)))

    def wrapped(self, text: Text, indent: int = 0) -> list[Text]:
        """On as many lines as it needs, each after so many spaces."""
        room = max(10, self.width - indent)
        lines = text.wrap(Console(width=room), room, overflow="fold")
        return [Text(" " * indent).append_text(line) for line in lines]

    def joined(self, parts: Sequence[Text]) -> Text:
        """Beside each other, with dots between."""
        return Text(f" {self.letters.dot} ", "dim").join(parts)
