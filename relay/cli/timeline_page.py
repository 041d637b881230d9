"""The timeline of an operation as a page for people."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from rich.table import Table
from rich.text import Text

from relay.cli.formatting import there
from relay.cli.options import visible
from relay.cli.screen import show as show_page
from relay.operating.folding import Line, Repeated, fold
from relay.operating.sentences import sentence_of, watch_lines

COLOURS = {"delivered": "green", "failed": "yellow", "lease lapsed": "yellow", "dead": "red", "late": "dim",
           "held": "dim", "superseded": "dim", "queued": "dim", "digested": "dim"}  # fmt: skip


def show(facts: Mapping[str, Any], zone: str, *, every: bool) -> None:
    """Print it for a person: what it is, then what happened, by the clocks of this zone."""
    for part in page(facts, zone, every=every):
        show_page(part)


def page(facts: Mapping[str, Any], zone: str, *, every: bool) -> Iterator[Text | Table]:
    """Its parts, one below the other."""
    yield Text(visible(facts["name"] or facts["subject"]), "bold", overflow="fold")
    percentage = "" if facts["percentage"] is None else f"{facts['percentage']:g} %"
    parts = (facts["subject"] if facts["name"] else "", facts["type"], facts["priority"],
            f"{facts['status']} {percentage}".strip(), *(f"{key} {facts[key]}" for key in ("tenant", "project")
                                                        if facts[key]))  # fmt: skip
    yield Text(visible(", ".join(part for part in parts if part)), overflow="fold")
    for warning in watch_lines(facts["watchdog"], zone) if facts["watchdog"] else ():
        yield Text(warning, "yellow")
    counted = False
    if facts["timeline"] and facts["timeline"][0]["at"] > facts["first_event_at"]:
        yield Text("What came before is not kept.", "dim")
    for day, listed in groupby(facts["timeline"], lambda line: f"{_local(line, zone):%Y-%m-%d %Z}"):
        lines = [*listed]
        shown = lines if every else fold(lines)
        counted = counted or len(shown) < len(lines)
        yield Text(f"\n{day}", "bold")
        yield _table(shown, zone)
    if counted:
        yield Text("\nWhat repeats is counted; --all shows each line that is kept.", "dim")


def _table(lines: Iterable[Line | Repeated], zone: str) -> Table:
    """A row for each line; what happened in one step carries its time once."""
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    before = None
    for item in lines:
        line = item.line if isinstance(item, Repeated) else item
        at, destination = _local(line, zone), line.get("destination")
        text = sentence_of(line, zone)
        if line.get("count", 1) > 1:
            text = f"{line['count']} × {text}, until {_until(line, zone)}"
        sentence = Text(visible(text), COLOURS.get(line["what"], ""))
        marked = Text.assemble((visible(f"→ {destination}: "), "bold"), sentence) if destination else sentence
        rows.add_row("" if at == before else f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}", marked)
        before = at
    return rows


def _until(line: Mapping[str, Any], zone: str) -> str:
    first, last = (there(datetime.fromisoformat(line[time]), zone) for time in ("at", "until"))
    return f"{last:%H:%M:%S}" if last.date() == first.date() else f"{last:%Y-%m-%d %H:%M:%S}"


def _local(line: Mapping[str, Any], zone: str) -> datetime:
    return there(datetime.fromisoformat(line["at"]), zone)
