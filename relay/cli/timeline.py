"""What happened to an operation, from the store of a running relay, as plain data."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from relay.cli.formatting import iso, print_json
from relay.cli.options import which_one
from relay.cli.session import StoreSession, with_store
from relay.cli.timeline_page import show
from relay.domain.runs import Alarms
from relay.domain.spaces import NOWHERE, Space
from relay.errors import RelayError
from relay.store.notes import Counted
from relay.store.timelines import Timeline

# What the store's scripts note of an operation, and what the values after it are called.
NOTED = {
    "accepted": ("event", "status", "percentage", "source"),
    "late": ("event", "percentage"),
    "completed": ("event", "source"),
    "queued": ("destination", "address"),
    "held": ("destination", "reason", "address"),
    "waits": ("destination", "reason", "address"),
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


def explain_operation(
    subject: str, config: Path, *, space: Space = NOWHERE, every: bool = False, as_json: bool
) -> None:
    """Print what is known of this operation or batch; leave with 1 if nothing is, or if no relay runs here, or if
    several have this id, and `space` does not say which.

    `every` line that is kept, where otherwise those that repeat are counted.
    """

    async def work(session: StoreSession) -> None:
        with which_one():
            timeline = await session.admin.timeline(subject, space)
        if timeline is None:
            raise RelayError(
                f"{subject} is neither a file nor an operation that this relay has heard of. "
                "Operations are known for 30 days after their last event; their ids are case-sensitive"
            )
        facts = facts_of(timeline)
        if as_json:
            print_json(facts)
        else:
            show(facts, session.config.timezone, every=every)

    with_store(config, work)


def facts_of(timeline: Timeline) -> dict[str, Any]:
    """The operation and its timeline as plain data. Times are ISO 8601 in UTC, delays seconds; '' is not stated.

    A line that stands for several has their `count`, `until` when they came, and with a percentage (the highest)
    the `lowest_percentage`.
    """
    stated = {key.removeprefix("fact:"): value for key, value in timeline.facts.items() if key not in UNREAD}
    return {
        "subject": timeline.subject,
        **{key: stated.get(key, "") for key in ("name", "type", "priority", "platform", "tenant", "project", "status")},
        "percentage": _number(stated.get("percentage", "")),
        "retry": _number(stated.get("retry", "")),
        "first_event_at": _iso(timeline.facts.get("first")),
        "last_event_at": _iso(timeline.facts.get("last")),
        "watchdog": _watched(timeline.facts),
        "timeline": [*_timeline(timeline.log)],
    }


def _watched(facts: Mapping[str, str]) -> dict[str, Any] | None:
    """What the watchdog knows of the run, with its alarms; None for what it does not watch."""
    watched = {name.removeprefix("watch:"): value for name, value in facts.items() if name.startswith("watch:")}
    if not watched:
        return None
    alarms = Alarms.load(watched.get("alarms", ""))
    return {
        "last_sign_of_life_at": _iso(watched.get("heard")),
        "last_move_at": _iso(watched.get("moved")),
        "first_estimate": _iso(watched.get("estimate")),
        "estimate_moved": int(watched.get("moves", 0)),
        "deadline": _iso(watched.get("deadline")),
        "alarms": [
            {"rule": rule, "since": _iso(alarm.since * 1000), "told_at": _iso(alarm.at * 1000),
             "reminders": alarm.reminders} for rule, alarm in alarms.open.items()
        ],
        "muted": [rule for rule in alarms.ended if alarms.flapping(rule)],
    }  # fmt: skip


def _timeline(log: Sequence[Sequence[Any]]) -> Iterator[dict[str, Any]]:
    for number, (at, kind, *values) in enumerate(log):
        counted = values.pop() if values and isinstance(values[-1], Counted) else None
        names = NOTED.get(kind, [f"value_{index}" for index in range(len(values))])
        line = {"at": _iso(at), "what": kind, **dict(zip(names, values, strict=False))}
        if line.get("percentage") == "":
            line["percentage"] = None
        if counted:
            line |= {"count": counted.times, "until": _iso(counted.until)}
            line |= {"lowest_percentage": counted.lowest} if "percentage" in line else {}
        if kind == "failed":
            # One that becomes a dead letter in the same step has no next try. Time and destination alone would not
            # tell: it may be another address of the same destination.
            dead_letter = [at, "dead", line["destination"], "outcome_unknown", line["error"]]
            is_last = [[*after] for after in log[number + 1 : number + 2]] == [dead_letter]
            line["next_at"] = None if is_last else _iso(at + line["delay"])
            del line["delay"]
        yield line


def _iso(milliseconds: str | float | None) -> str:
    return iso(datetime.fromtimestamp(float(milliseconds) / 1000, UTC)) if milliseconds else ""


def _number(text: str) -> float | None:
    """67 for `67`, 67.5 for `67.5`, None for nothing."""
    return json.loads(text) if text else None
