"""What happened to an operation, from the store of a running relay: as facts, and as a page for people."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from relay.app import Desk
from relay.cli.desk import REASONS, at_desk, iso, print_json
from relay.cli.options import visible
from relay.errors import RelayError
from relay.store.records import Story

# What the store's scripts note of an operation, and what the values after it are called.
NOTED = {
    "accepted": ("event", "status", "percentage", "source"),
    "late": ("event", "percentage"),
    "queued": ("destination", "address"),
    "held": ("destination", "reason"),
    "superseded": ("destination", "reason"),
    "lease lapsed": ("destination", "reason"),
    "failed": ("destination", "attempt", "error", "delay"),
    "delivered": ("destination", "kind", "attempt", "receipt"),
    "dead": ("destination", "reason", "error"),
    "replayed": ("destination",),
    "dropped": ("destination",),
    "repair": ("destination",),
}
COLOURS = {"delivered": "green", "failed": "yellow", "lease lapsed": "yellow", "dead": "red", "late": "dim",
           "held": "dim", "superseded": "dim", "queued": "dim"}  # fmt: skip

WHY = {
    "held": {
        "no_rule": "no rule matches, so nobody is told",
        "increment": "it has not moved far enough since it was last told here",
        "interval": "too little time has passed since it was last told here",
    },
    "superseded": {
        "newer state": "a newer state is told instead",
        "told by the message itself": "the message itself tells it already",
        "the run is over": "the run is over, so its progress is not told any more",
    },
    "lease lapsed": {
        "not sent": "its worker died or was cut off before it sent anything; it is tried again",
        "outcome unknown": "its worker died or was cut off while it was sending; it may have arrived",
    },
    "dead": REASONS,
}
SENTENCES = {
    "accepted": "{said}, from {source}",
    "late": "{said} came late: something newer was known, so nobody is told",
    "queued": "queued for {address}",
    "held": "held: {why}",
    "superseded": "not sent: {why}",
    "lease lapsed": "{why}",
    "failed": "attempt {attempt:g} failed: {error}{next}",
    "delivered": "{how}, attempt {attempt:g}: {receipt}",
    "dead": "dead, {why}: {error}",
    "replayed": "replayed: queued again with fresh attempts",
    "dropped": "dropped: the dead letter is forgotten",
    "repair": "a worker that had lost touch may have shown an old state; the present one is shown again",
}
KINDS = {"live": "the live message is up to date", "reply": "told in the thread", "each": "told"}
UNREAD = ("seq", "rank", "at", "phases", "id", "first", "last")  # the store's own


def tell(subject: str, config: Path, *, as_json: bool) -> None:
    """Print what is known of this operation or batch; leave with 1 if nothing is, or if no relay runs here."""

    async def work(desk: Desk) -> None:
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
            show(facts)

    at_desk(config, work)


def facts_of(story: Story) -> dict[str, Any]:
    """The operation and its timeline as plain data. Times are ISO 8601 in UTC, delays seconds; '' is not stated."""
    known = {key.removeprefix("fact:"): value for key, value in story.facts.items() if key not in UNREAD}
    return {
        "subject": story.subject,
        **{key: known.get(key, "") for key in ("name", "type", "priority", "tenant", "project", "status")},
        "percentage": _number(known.get("percentage", "")),
        "retry": _number(known.get("retry", "")),
        "first_event_at": _iso(story.facts.get("first")),
        "last_event_at": _iso(story.facts.get("last")),
        "timeline": [*_timeline(story.log)],
    }


def show(facts: Mapping[str, Any]) -> None:
    """Print it for a person: what it is, then everything that happened, in the time of this place."""
    console = Console(highlight=False)
    console.print(Text(visible(facts["name"] or facts["subject"]), "bold"), overflow="fold")
    percentage = "" if facts["percentage"] is None else f"{facts['percentage']:g} %"
    said = (facts["subject"] if facts["name"] else "", facts["type"], facts["priority"],
            f"{facts['status']} {percentage}".strip(), *(f"{key} {facts[key]}" for key in ("tenant", "project")
                                                        if facts[key]))  # fmt: skip
    console.print(Text(visible(", ".join(part for part in said if part))), overflow="fold")
    for day, lines in groupby(facts["timeline"], lambda line: f"{_local(line):%Y-%m-%d}"):
        console.print(f"\n{day}", style="bold")
        console.print(_table(lines))


def sentence_of(line: Mapping[str, Any]) -> str:
    """One line of the timeline in plain words, without its time and destination."""
    what, reason = line["what"], line.get("reason", "")
    sentence = SENTENCES.get(what)
    if sentence is None:  # noted by a newer relay
        return ", ".join(str(value) for key, value in line.items() if key not in {"at", "destination"})
    words = {
        "said": _event(line),
        "why": WHY.get(what, {}).get(reason, reason),
        "how": KINDS.get(line.get("kind", ""), ""),
        "next": f"; next try at {_clock(line['next_at'], line['at'])}" if line.get("next_at") else "",
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
    said = (line.get("event"), line.get("status"), "" if percentage is None else f"{percentage:g} %")
    return ", ".join(part for part in said if part)


def _clock(at: str, seen_from: str) -> str:
    """The time of day, with the date if that is another one."""
    moment, now = (datetime.fromisoformat(one).astimezone() for one in (at, seen_from))
    return f"{moment:%H:%M:%S}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M:%S}"


def _table(lines: Iterable[Mapping[str, Any]]) -> Table:
    """A row for each line; what happened in one step carries its time once."""
    rows = Table(box=None, show_header=False, padding=(0, 2, 0, 0), pad_edge=False)
    rows.add_column(no_wrap=True)
    rows.add_column(overflow="fold")
    before = None
    for line in lines:
        at, place = _local(line), line.get("destination")
        sentence = Text(visible(sentence_of(line)), COLOURS.get(line["what"], ""))
        marked = Text.assemble((visible(f"→ {place}: "), "bold"), sentence) if place else sentence
        rows.add_row("" if at == before else f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}", marked)
        before = at
    return rows


def _local(line: Mapping[str, Any]) -> datetime:
    return datetime.fromisoformat(line["at"]).astimezone()


def _iso(milliseconds: str | float | None) -> str:
    return iso(datetime.fromtimestamp(float(milliseconds) / 1000, UTC)) if milliseconds else ""


def _number(text: str) -> float | None:
    """67 for `67`, 67.5 for `67.5`, None for nothing."""
    return json.loads(text) if text else None
