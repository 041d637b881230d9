"""The timeline of an operation as a page for people."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import groupby
from typing import Any

from rich.table import Table
from rich.text import Text

from relay.cli.folding import Line, Repeated, fold
from relay.cli.formatting import local, there
from relay.cli.options import visible
from relay.cli.screen import show as show_page
from relay.domain.runs import LONGER
from relay.reasons import Dead, Held, Lapsed, Superseded, Waiting, sentences

COLOURS = {"delivered": "green", "failed": "yellow", "lease lapsed": "yellow", "dead": "red", "late": "dim",
           "held": "dim", "superseded": "dim", "queued": "dim", "digested": "dim"}  # fmt: skip

WHY = {
    "held": sentences(Held), "waits": sentences(Waiting), "superseded": sentences(Superseded),
    "lease lapsed": sentences(Lapsed), "dead": sentences(Dead),
}  # fmt: skip
SENTENCES = {
    "accepted": "{summary}, from {source}",
    "late": "{summary} came late: something newer was known, so nobody is told",
    "completed": "{event} again, from {source}: it says more, so what stands is completed",
    "queued": "queued for {address}",
    "held": "held: {why}",
    "waits": "waits: {why}",
    "digested": "in the digest for {address}",
    "superseded": "not sent: {why}",
    "lease lapsed": "{why}",
    "failed": "attempt {attempt:g} failed: {error}{next}",
    "delivered": "{how}, attempt {attempt:g}: {receipt}",
    "dead": "dead, {why}: {error}",
    "suppressed": "{address} is written to no more, for it bounced: {error}",
    "replayed": "replayed: queued again with fresh attempts",
    "dropped": "dropped: the dead letter is forgotten",
    "repair": "a worker that had lost touch may have shown an old state; the present one is shown again",
}
KINDS = {"live": "the live message is up to date", "reply": "told in the thread", "each": "told"}


def watch_lines(watched: Mapping[str, Any], zone: str = "") -> Iterator[str]:
    """The alarms that stand, in plain words; times in this zone, or that of this machine."""
    for alarm in watched["alarms"]:
        again = f", and {alarm['reminders']} times again" if alarm["reminders"] else ""
        yield f"{alarm['rule']} since {_at(alarm['since'], zone)}, told {_at(alarm['told_at'], zone)}{again}"
    for rule in watched["muted"]:
        yield f"{rule} too often, and well again: told only once it lasts {LONGER} times as long as ever"


def _at(at: str, zone: str) -> str:
    return local(datetime.fromisoformat(at), zone)


def show(facts: Mapping[str, Any], zone: str, *, every: bool) -> None:
    """Print it for a person: what it is, then what happened, by the clocks of this zone."""
    show_page(Text(visible(facts["name"] or facts["subject"]), "bold", overflow="fold"))
    percentage = "" if facts["percentage"] is None else f"{facts['percentage']:g} %"
    parts = (facts["subject"] if facts["name"] else "", facts["type"], facts["priority"],
            f"{facts['status']} {percentage}".strip(), *(f"{key} {facts[key]}" for key in ("tenant", "project")
                                                        if facts[key]))  # fmt: skip
    show_page(Text(visible(", ".join(part for part in parts if part)), overflow="fold"))
    for warning in watch_lines(facts["watchdog"], zone) if facts["watchdog"] else ():
        show_page(Text(warning, "yellow"))
    counted = False
    if facts["timeline"] and facts["timeline"][0]["at"] > facts["first_event_at"]:
        show_page(Text("What came before is not kept.", "dim"))
    for day, listed in groupby(facts["timeline"], lambda line: f"{_local(line, zone):%Y-%m-%d %Z}"):
        lines = [*listed]
        shown = lines if every else fold(lines)
        counted = counted or len(shown) < len(lines)
        show_page(Text(f"\n{day}", "bold"))
        show_page(_table(shown, zone))
    if counted:
        show_page(Text("\nWhat repeats is counted; --all shows each line that is kept.", "dim"))


def sentence_of(line: Mapping[str, Any], zone: str = "") -> str:
    """One line of the timeline in plain words, without its time and destination."""
    kind, reason = line["what"], line.get("reason", "")
    sentence = SENTENCES.get(kind)
    if sentence is None:  # noted by a newer relay
        return ", ".join(str(value) for key, value in line.items() if key not in {"at", "destination"})
    words = {
        "summary": _event(line),
        "why": WHY.get(kind, {}).get(reason, reason).replace("{address}", line.get("address", "this address")),
        "how": KINDS.get(line.get("kind", ""), ""),
        "next": f"; next try at {_clock(line['next_at'], line['at'], zone)}" if line.get("next_at") else "",
    }
    return sentence.format(**line, **words)


def _event(line: Mapping[str, Any]) -> str:
    span = [line.get("lowest_percentage"), line.get("percentage")]
    reached = " … ".join(f"{percentage:g} %" for percentage in dict.fromkeys(span) if percentage is not None)
    parts = (line.get("event"), line.get("status"), reached)
    return ", ".join(part for part in parts if part)


def _clock(at: str, seen_from: str, zone: str) -> str:
    """The time of day, with the date if that is another one."""
    moment, now = (there(datetime.fromisoformat(time), zone) for time in (at, seen_from))
    return f"{moment:%H:%M:%S %Z}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M:%S %Z}"


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
