"""What happened to an operation, from the store of a running relay: as facts, and as a page for people."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from relay.app import StoreSession
from relay.cli.folding import Line, Repeated, fold
from relay.cli.formatting import iso, local, print_json, there
from relay.cli.options import visible
from relay.cli.screen import show as show_page
from relay.cli.session import with_store
from relay.errors import RelayError
from relay.policy.watchdog import Alarms
from relay.reasons import Dead, Held, Lapsed, Superseded, sentences
from relay.store.admin import Timeline

# What the store's scripts note of an operation, and what the values after it are called.
NOTED = {
    "accepted": ("event", "status", "percentage", "source"),
    "late": ("event", "percentage"),
    "queued": ("destination", "address"),
    "held": ("destination", "reason", "address"),
    "digested": ("destination", "address"),
    "superseded": ("destination", "reason"),
    "lease lapsed": ("destination", "reason"),
    "failed": ("destination", "attempt", "error", "delay"),
    "delivered": ("destination", "kind", "attempt", "receipt"),
    "dead": ("destination", "reason", "error"),
    "suppressed": ("destination", "address", "error"),
    "replayed": ("destination",),
    "dropped": ("destination",),
    "repair": ("destination",),
}
COLOURS = {"delivered": "green", "failed": "yellow", "lease lapsed": "yellow", "dead": "red", "late": "dim",
           "held": "dim", "superseded": "dim", "queued": "dim", "digested": "dim"}  # fmt: skip

WHY = {
    "held": sentences(Held), "superseded": sentences(Superseded), "lease lapsed": sentences(Lapsed),
    "dead": sentences(Dead),
}  # fmt: skip
SENTENCES = {
    "accepted": "{said}, from {source}",
    "late": "{said} came late: something newer was known, so nobody is told",
    "queued": "queued for {address}",
    "held": "held: {why}",
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
UNREAD = ("entry", "seq", "rank", "at", "phases", "id", "first", "last")  # the store's own


def tell(subject: str, config: Path, *, every: bool = False, as_json: bool) -> None:
    """Print what is known of this operation or batch; leave with 1 if nothing is, or if no relay runs here.

    `every` line, where otherwise those that repeat are counted.
    """

    async def work(desk: StoreSession) -> None:
        story = await desk.records.story(subject)
        if story is None:
            raise RelayError(
                f"{subject} is neither a file nor an operation that this relay has heard of. "
                "Operations are known for 30 days after their last event; their ids are case-sensitive"
            )
        facts = facts_of(story)
        if as_json:
            print_json(facts)
        else:
            show(facts, desk.config.timezone, every=every)

    with_store(config, work)


def facts_of(story: Timeline) -> dict[str, Any]:
    """The operation and its timeline as plain data. Times are ISO 8601 in UTC, delays seconds; '' is not stated."""
    known = {key.removeprefix("fact:"): value for key, value in story.facts.items() if key not in UNREAD}
    return {
        "subject": story.subject,
        **{key: known.get(key, "") for key in ("name", "type", "priority", "tenant", "project", "status")},
        "percentage": _number(known.get("percentage", "")),
        "retry": _number(known.get("retry", "")),
        "first_event_at": _iso(story.facts.get("first")),
        "last_event_at": _iso(story.facts.get("last")),
        "watchdog": _watched(story.facts),
        "timeline": [*_timeline(story.log)],
    }


def _watched(facts: Mapping[str, str]) -> dict[str, Any] | None:
    """What the watchdog knows of the run and has told of it; None for what it does not watch."""
    known = {name.removeprefix("watch:"): value for name, value in facts.items() if name.startswith("watch:")}
    if not known:
        return None
    alarms = Alarms.load(known.get("alarms", ""))
    return {
        "last_sign_of_life_at": _iso(known.get("heard")),
        "last_move_at": _iso(known.get("moved")),
        "first_estimate": _iso(known.get("estimate")),
        "estimate_moved": int(known.get("moves", 0)),
        "deadline": _iso(known.get("deadline")),
        "alarms": [
            {"rule": rule, "since": _iso(alarm.since * 1000), "told_at": _iso(alarm.at * 1000),
             "reminders": alarm.reminders} for rule, alarm in alarms.open.items()
        ],
        "muted": alarms.flapping,
    }  # fmt: skip


def watch_lines(watched: Mapping[str, Any], zone: str = "") -> Iterator[str]:
    """The alarms that stand, in plain words; times in this zone, or that of this machine."""
    for alarm in watched["alarms"]:
        again = f", and {alarm['reminders']} times again" if alarm["reminders"] else ""
        yield f"{alarm['rule']} since {_at(alarm['since'], zone)}, told {_at(alarm['told_at'], zone)}{again}"
    if watched["muted"]:
        yield "stalled and recovered too often: the watchdog says no more of this run"


def _at(at: str, zone: str) -> str:
    return local(datetime.fromisoformat(at), zone)


def show(facts: Mapping[str, Any], zone: str, *, every: bool) -> None:
    """Print it for a person: what it is, then what happened, by the clocks of this zone."""
    show_page(Text(visible(facts["name"] or facts["subject"]), "bold", overflow="fold"))
    percentage = "" if facts["percentage"] is None else f"{facts['percentage']:g} %"
    said = (facts["subject"] if facts["name"] else "", facts["type"], facts["priority"],
            f"{facts['status']} {percentage}".strip(), *(f"{key} {facts[key]}" for key in ("tenant", "project")
                                                        if facts[key]))  # fmt: skip
    show_page(Text(visible(", ".join(part for part in said if part)), overflow="fold"))
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
        show_page(Text("\nWhat repeats is counted; --all shows each.", "dim"))


def sentence_of(line: Mapping[str, Any], zone: str = "") -> str:
    """One line of the timeline in plain words, without its time and destination."""
    what, reason = line["what"], line.get("reason", "")
    sentence = SENTENCES.get(what)
    if sentence is None:  # noted by a newer relay
        return ", ".join(str(value) for key, value in line.items() if key not in {"at", "destination"})
    words = {
        "said": _event(line),
        "why": WHY.get(what, {}).get(reason, reason).replace("{address}", line.get("address", "this address")),
        "how": KINDS.get(line.get("kind", ""), ""),
        "next": f"; next try at {_clock(line['next_at'], line['at'], zone)}" if line.get("next_at") else "",
    }
    return sentence.format(**line, **words)


def _timeline(log: Sequence[Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for number, (at, what, *values) in enumerate(log):
        names = NOTED.get(what, [f"value_{place}" for place in range(len(values))])
        line = {"at": _iso(at), "what": what, **dict(zip(names, values, strict=False))}
        if line.get("percentage") == "":
            line["percentage"] = None
        if what == "failed":
            # One that is buried in the same step has no next try. Time and destination alone would not tell: it may
            # be another address of the same destination.
            burial = [at, "dead", line["destination"], "outcome_unknown", line["error"]]
            buried = [[*after] for after in log[number + 1 : number + 2]] == [burial]
            line["next_at"] = None if buried else _iso(at + line["delay"])
            del line["delay"]
        yield line


def _event(line: Mapping[str, Any]) -> str:
    percentage = line.get("percentage")
    reached = line.get("percentages", "" if percentage is None else f"{percentage:g} %")
    said = (line.get("event"), line.get("status"), reached)
    return ", ".join(part for part in said if part)


def _clock(at: str, seen_from: str, zone: str) -> str:
    """The time of day, with the date if that is another one."""
    moment, now = (there(datetime.fromisoformat(each), zone) for each in (at, seen_from))
    return f"{moment:%H:%M:%S %Z}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M:%S %Z}"


def _table(lines: Iterable[Line | Repeated], zone: str) -> Table:
    """A row for each line; what happened in one step carries its time once."""
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    before = None
    for item in lines:
        line = item.line if isinstance(item, Repeated) else item
        at, place = _local(line, zone), line.get("destination")
        said = sentence_of(line, zone)
        if isinstance(item, Repeated):
            said = f"{len(item.lines)} × {said}, until {_local(item.lines[-1], zone):%H:%M:%S}"
        sentence = Text(visible(said), COLOURS.get(line["what"], ""))
        marked = Text.assemble((visible(f"→ {place}: "), "bold"), sentence) if place else sentence
        rows.add_row("" if at == before else f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}", marked)
        before = at
    return rows


def _local(line: Mapping[str, Any], zone: str) -> datetime:
    return there(datetime.fromisoformat(line["at"]), zone)


def _iso(milliseconds: str | float | None) -> str:
    return iso(datetime.fromtimestamp(float(milliseconds) / 1000, UTC)) if milliseconds else ""


def _number(text: str) -> float | None:
    """67 for `67`, 67.5 for `67.5`, None for nothing."""
    return json.loads(text) if text else None
