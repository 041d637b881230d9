"""The story of an operation, and the history of its deliveries.

Progress without a recipient, and late progress, is counted: all that is the same but for time and percentage is
one line, open in the operation's record until an event is listed again.
"""

from typing import Any

from pydantic_core import to_json

from relay.engine.draft import Draft
from relay.engine.records import DAY, HISTORIES, KEEP_OPERATION, Delivery, Operation, history, story

STORY = 200  # lines of an operation
HISTORY, OPERATIONS = 100_000, 200_000  # rows of a destination; operations in the order of their first events
KEPT = 30 * DAY
OPEN = 4  # tallies that are open at once: from two senders, or in the wrong order
WIDEST = 1000  # destinations in a tally
LATE, HELD = "late progress", "held progress"


def note(d: Draft, operation: str, what: str, *values: Any) -> None:
    """Add a line to the story: what happened, and up to five values of it."""
    d.notes.setdefault(operation, []).append([d.now, what, *values])


def count_event(d: Draft, operation: str) -> None:
    """Count what was noted of this operation in this step, instead of listing it."""
    d.counted.add(operation)


def write_story(d: Draft) -> None:
    """Write what was noted in this step, at its end."""
    for operation, noted in d.notes.items():
        for line in _counted(d, operation, noted) if operation in d.counted else _listed(d, operation, noted):
            while line[-1] in (None, ""):
                line.pop()
            d.append(story(operation), to_json(line), most=STORY, kept=KEEP_OPERATION)


def _listed(d: Draft, operation: str, noted: list[list[Any]]) -> list[list[Any]]:
    record = d.get_all(Operation, [operation]).get(operation)  # beside a damaged one too
    if record is None or not record.tallies:
        return noted
    o = d.edit(Operation, operation)
    tallies, o.tallies = o.tallies, []
    return [*map(list, tallies), *noted]


def _counted(d: Draft, operation: str, noted: list[list[Any]]) -> list[list[Any]]:
    """Count them in a tally; return the lines that are no longer open."""
    alike = _alike(noted)
    if alike is None:
        return _listed(d, operation, noted)
    what, percentage, same = alike
    o = d.edit(Operation, operation)
    closed: list[list[Any]] = []
    place = next((i for i, line in enumerate(o.tallies) if line[1] == what and list(line[6:]) == same), None)
    if place is None:
        if len(o.tallies) == OPEN:
            closed, o.tallies = [list(line) for line in o.tallies], []
        o.tallies.append([d.now, what, 1, 0, percentage, percentage, *same])
        return closed
    first, _, number, _, lowest, highest = o.tallies[place][:6]
    if percentage is not None:
        lowest = percentage if lowest is None else min(lowest, percentage)
        highest = percentage if highest is None else max(highest, percentage)
    o.tallies[place] = [first, what, number + 1, max(0, d.now - first), lowest, highest, *same]
    return closed


def _alike(noted: list[list[Any]]) -> tuple[str, float | None, list[Any]] | None:
    """Return the kind of tally, the percentage, and what all that it counts have in common."""
    _, what, *values = noted[0]
    if what == "late":
        return LATE, _number(values[1]), []
    _, status, percentage, sender, *unheard = values
    if len(noted) > WIDEST or any(line[1] != "held" for line in noted[1:]):
        return None
    same = [status, sender]
    for reason in filter(None, unheard):
        same += ["", reason, None]
    for _, _, *held in noted[1:]:
        same += [*held, None, None, None][:3]
    return HELD, _number(percentage), same


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) else None


def record_begin(d: Draft, operation: str) -> None:
    """An operation, or a batch, was reported for the first time."""
    d.append("operations", operation.encode(), most=OPERATIONS, kept=KEPT, stream=True)


def record_held(d: Draft, operation: str, destination: str, reason: str, detail: str = "") -> None:
    """Count and note a notification that is not made, or not now; `detail`: the address, or the silence."""
    d.count("accepted")
    d.count(f"held:{reason}")
    note(d, operation, "held", destination, reason, detail)


def record_end(d: Draft, x: Delivery, outcome: str, why: str = "", detail: str = "") -> None:
    """Write what became of a delivery: delivered, dead, superseded, dropped or held.

    `why` is the reason, `detail` what the other side answered.
    """
    if not x.operation:
        return
    row = [
        outcome, x.operation, x.name, x.channel, x.address, x.kind, x.event, x.attempts,
        max(0, d.now - (x.created or d.now)), why, detail,
    ]  # fmt: skip
    if x.kind in ("live", "rolling"):
        row += [x.lane, d.now]  # the time that its thread has, where Redis dates the row by its own
    d.append(history(x.destination), to_json(row), most=HISTORY, kept=KEPT, stream=True)
    d.place(HISTORIES, x.destination, d.now)
