"""The timeline of an operation as plain data, and its lines folded for reading."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from relay.domain.jobs import Alarms, found
from relay.engine.records import Operation
from relay.operating.clocks import iso
from relay.store.queries.questions import stated_by
from relay.store.queries.timelines import Counted, Timeline

# What the store's scripts note of an operation, and what the values after it are called.
NOTED = {
    "accepted": ("event", "status", "percentage", "source"),
    "late": ("event", "percentage"),
    "completed": ("event", "source"),
    "differs": ("event", "source", "differs"),
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
    "taken": ("who",),
    "escalates": ("destination", "address", "after"),
}


def facts_of(timeline: Timeline) -> dict[str, Any]:
    """Return the operation and its timeline as plain data, times in ISO 8601, UTC; lines for several have `count`."""
    o = timeline.operation
    return {
        **stated_by(o),
        "subject": timeline.subject,
        "status": o.status,
        "percentage": _number(o.summary.get("percentage", o.percentage)),
        "retry": o.run,
        "first_event_at": _iso(o.first),
        "last_event_at": _iso(o.last),
        "watchdog": _watched(o),
        "timeline": [*lines_in(timeline.log)],
    }


def _watched(o: Operation) -> dict[str, Any] | None:
    """Return the watchdog's state of the run, with its alarms; None if it is not watched."""
    if not any((o.heard, o.moved, o.phase, o.estimate, o.estimate_moves, o.deadline, o.alarms)):
        return None
    alarms = Alarms.load(o.alarms)
    return {
        "last_sign_of_life_at": _iso(o.heard),
        "last_move_at": _iso(o.moved),
        "first_estimate": _iso(o.estimate),
        "estimate_moved": o.estimate_moves,
        "deadline": _iso(o.deadline),
        "alarms": [
            {"rule": found(rule, alarm.by), "since": _iso(alarm.since * 1000), "told_at": _iso(alarm.at * 1000),
             "reminders": alarm.reminders} for rule, alarm in alarms.open.items()
        ],
    }  # fmt: skip


def lines_in(log: Sequence[Sequence[Any]]) -> Iterator[dict[str, Any]]:
    """Yield the lines of a story as plain data."""
    for at, kind, *values in log:
        counted = values.pop() if values and isinstance(values[-1], Counted) else None
        names = NOTED.get(kind, [f"value_{index}" for index in range(len(values))])
        line = {"at": _iso(at), "what": kind, **dict(zip(names, values, strict=False))}
        if line.get("percentage") == "":
            line["percentage"] = None
        if counted:
            line |= {"count": counted.times, "until": _iso(counted.until)}
            line |= {"lowest_percentage": counted.lowest} if "percentage" in line else {}
        if kind == "failed":
            line["next_at"] = _iso(at + line.pop("delay"))
        yield line


def _iso(milliseconds: float | None) -> str:
    return iso(datetime.fromtimestamp(milliseconds / 1000, UTC)) if milliseconds else ""


def _number(value: float | None) -> float | None:
    """67 for 67.0."""
    return int(value) if value is not None and float(value).is_integer() else value


Line = Mapping[str, Any]

ORDINARY = ("accepted", "queued", "held", "digested", "superseded", "delivered")  # whatever else happened is shown
VARIES = ("at", "percentage", "receipt", "count", "until", "lowest_percentage")  # among lines that say the same
FEW = 3  # as many of a kind are shown one by one


def fold(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Fold lines of one kind into the first, with a count; the first and last event and the last message stay."""
    kinds: dict[tuple[tuple[str, Any], ...], list[int]] = {}
    for number, line in enumerate(lines):
        if line["what"] in ORDINARY:
            kind = tuple((name, value) for name, value in line.items() if name not in VARIES)
            kinds.setdefault(kind, []).append(number)
    counted: dict[int, dict[str, Any]] = {}
    left_out: set[int] = set()
    for numbers in kinds.values():
        if len(numbers) > FEW:
            what = lines[numbers[0]]["what"]
            within = numbers[1:-1] if what == "accepted" else numbers[:-1] if what == "delivered" else numbers
            counted[within[0]] = _folded([lines[number] for number in within])
            left_out.update(within)
    shown = [number for number in range(len(lines)) if number in counted or number not in left_out]
    return [counted.get(number) or dict(lines[number]) for number in shown]


def _folded(lines: Sequence[Line]) -> dict[str, Any]:
    """Return the last of them with their count, from the first of them on, and the range of their percentages."""
    last, ends = lines[-1], [line for line in lines if line.get("percentage") is not None]
    if ends:
        lowest = ends[0].get("lowest_percentage", ends[0]["percentage"])
        last = {**last, "lowest_percentage": lowest, "percentage": ends[-1]["percentage"]}
    count = sum(line.get("count", 1) for line in lines)
    return {**last, "at": lines[0]["at"], "count": count, "until": last.get("until", last["at"])}
