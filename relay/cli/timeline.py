"""What happened to an operation, as people read it: what it is, who was told, then what happened when."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from rich.table import Table
from rich.text import Text

from relay.cli.formatting import there
from relay.cli.options import visible
from relay.cli.screen import zone
from relay.operating.sentences import sentence_of, watch_lines
from relay.operating.timeline import Line, Repeated, fold

COLOURS = {"delivered": "green", "failed": "yellow", "lease lapsed": "yellow", "dead": "red", "late": "dim",
           "held": "dim", "superseded": "dim", "queued": "dim", "digested": "dim"}  # fmt: skip


def page(facts: Mapping[str, Any], *, every: bool) -> Iterator[Text | Table]:
    """Yield its parts, one below the other, with the times of relay's zone."""
    yield Text(visible(facts["name"] or facts["id"]), "bold", overflow="fold")
    percentage = "" if facts["percentage"] is None else f"{facts['percentage']:g} %"
    parts = (facts["id"] if facts["name"] else "", facts["type"], facts["priority"],
            f"{facts['status']} {percentage}".strip(), *(f"{key} {facts[key]}" for key in ("tenant", "project")
                                                        if facts[key]))  # fmt: skip
    yield Text(visible(", ".join(part for part in parts if part)), overflow="fold")
    for warning in watch_lines(facts["watchdog"], zone()) if facts["watchdog"] else ():
        yield Text(visible(warning), "yellow")
    for verdict in facts["verdicts"]:
        yield _verdict(verdict)
    lines, counted = facts["timeline"], False
    if lines and datetime.fromisoformat(lines[0]["at"]) > datetime.fromisoformat(facts["first"]):
        yield Text("What came before is not kept.", "dim")
    for day, of_day in groupby(lines, lambda line: f"{_local(line):%Y-%m-%d %Z}"):
        listed = [*of_day]
        shown = listed if every else fold(listed)
        counted = counted or len(shown) < len(listed)
        yield Text(f"\n{day}", "bold")
        yield _table(shown)
    if counted:
        yield Text("\nWhat repeats is counted; --all shows each line that is kept.", "dim")


def _verdict(verdict: Mapping[str, Any]) -> Text:
    words = ": ".join(verdict[name]["text"] for name in ("why", "more") if verdict[name])
    sentence = Text(visible(f"{verdict['state']}{f', {words}' if words else ''}"))
    return Text.assemble((visible(f"{verdict['destination'] or 'nobody'}: "), "bold"), sentence, overflow="fold")


def _table(lines: Iterable[Line | Repeated]) -> Table:
    """A row for each line; what happened in one step carries its time once."""
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    before = None
    for item in lines:
        line = item.line if isinstance(item, Repeated) else item
        at, destination = _local(line), line.get("destination")
        text = sentence_of(line, zone())
        if line.get("count", 1) > 1:
            text = f"{line['count']} × {text}, until {_until(line)}"
        sentence = Text(visible(text), COLOURS.get(line["what"], ""))
        marked = Text.assemble((visible(f"→ {destination}: "), "bold"), sentence) if destination else sentence
        rows.add_row("" if at == before else f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}", marked)
        before = at
    return rows


def _until(line: Mapping[str, Any]) -> str:
    first, last = (there(datetime.fromisoformat(line[time]), zone()) for time in ("at", "until"))
    return f"{last:%H:%M:%S}" if last.date() == first.date() else f"{last:%Y-%m-%d %H:%M:%S}"


def _local(line: Mapping[str, Any]) -> datetime:
    return there(datetime.fromisoformat(line["at"]), zone())
