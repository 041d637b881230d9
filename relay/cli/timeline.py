"""What happened to an operation, from the store of a running relay, as plain data."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from relay.app import StoreSession
from relay.cli.formatting import iso, print_json
from relay.cli.session import with_store
from relay.cli.timeline_page import show
from relay.errors import RelayError
from relay.policy.watchdog import Alarms
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


def _iso(milliseconds: str | float | None) -> str:
    return iso(datetime.fromtimestamp(float(milliseconds) / 1000, UTC)) if milliseconds else ""


def _number(text: str) -> float | None:
    """67 for `67`, 67.5 for `67.5`, None for nothing."""
    return json.loads(text) if text else None
