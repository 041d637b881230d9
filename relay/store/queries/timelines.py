"""Story of an operation or a batch, and its newest events."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from relay.domain.events import Event
from relay.domain.facts import NOWHERE, Space
from relay.engine import names
from relay.engine.ledger import HELD, LATE, STORY
from relay.engine.records import Operation, story
from relay.engine.runs import history
from relay.store.queries.questions import Questions
from relay.store.queries.reader import documents

PROGRESS = "operation.progress"
ACCEPTED = 4  # values of such a line: event, status, percentage, source
PLACES = 3  # values that say why one destination gets no message
TEXTS = {"dead": 3, "suppressed": 3, "superseded": 2}  # values of lines whose last ones may be empty


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything still known of one operation, by the id that people know."""

    subject: str
    operation: Operation
    log: Sequence[Sequence[Any]]  # [ms since the epoch, what, …]


class Counted(NamedTuple):
    """The last value of a line that covers several, which differ in time and percentage alone (engine/ledger.py)."""

    times: int
    until: int  # when the last of them came, in ms since the epoch; the line has the time of the first
    lowest: float | None  # percentage; the line has the highest


class Timelines(Questions):
    async def timeline(self, subject: str, space: Space = NOWHERE) -> Timeline | None:
        """Return the history of an operation or batch; None if it is not known (any more)."""
        subject, name = await self._name_of(subject, space)
        o = await self._record(Operation, name) or Operation(name)
        lines = await self._story(o)
        return Timeline(subject, o, lines) if o.subject or lines else None

    async def kept_of(self, ids: Iterable[str]) -> set[str]:
        """Return those of these ids under which an operation or batch is known."""
        found = await self._named(Operation, (names.operation(id_) for id_ in ids))
        return {o.subject for o in found.values() if o.subject}

    async def stories(self, operations: Sequence[str]) -> list[list[list[Any]]]:
        """Return what is listed of each of these records, without what is still counted."""
        written = await self._reader.logs([story(name) for name in operations], STORY)
        logs = [documents(story(name), log) for name, log in zip(operations, written, strict=True)]
        return [[row for line in log for row in lines_of(line)] for log in logs]

    async def events(self, subject: str, space: Space = NOWHERE) -> list[Event]:
        """Return the kept events of an operation or batch: the newest of each name, oldest first."""
        _, name = await self._name_of(subject, space)
        # Platforms write whole seconds: within one, the order in which the events came.
        found = await self._ask(lambda d: history(d, name))
        return sorted(found, key=lambda event: event.occurred_at)

    async def _story(self, o: Operation) -> list[list[Any]]:
        """Return the lines of its story, the oldest first."""
        [written] = await self._reader.logs([story(o.name)], STORY)
        lines = documents(story(o.name), written)
        counting = [line for line in map(_without_end, o.tallies) if line not in lines]  # else closed since it was read
        read = [line for row in [*lines, *counting] for line in lines_of(row)]
        return sorted(read, key=lambda line: int(line[0]))


def lines_of(line: Sequence[Any]) -> Iterator[list[Any]]:
    """Yield what a line of a story says: also, in lines of their own, why there is no message."""
    at, kind, *values = line
    if kind in (HELD, LATE):
        yield from _counted(at, kind, values)
    elif kind == "accepted" and len(values) > ACCEPTED:
        yield [at, kind, *values[:ACCEPTED]]
        yield [at, "held", "", *values[ACCEPTED:]]
    else:
        yield [at, kind, *values, *[""] * (TEXTS.get(kind, 0) - len(values))]


def _counted(at: int, kind: str, values: Sequence[Any]) -> Iterator[list[Any]]:
    times, lasted, lowest, highest, status, sender, *held = [*values, *[None] * 6][: max(len(values), 6)]
    behind = [Counted(times, at + lasted, lowest)] if times > 1 else []
    percentage = "" if highest is None else highest
    if kind == LATE:
        yield [at, "late", PROGRESS, percentage, *behind]
        return
    yield [at, "accepted", PROGRESS, status, percentage, sender, *behind]
    for first in range(0, len(held), PLACES):
        destination, reason, *address = held[first : first + PLACES]
        yield [at, "held", destination, reason, *(value for value in address if value is not None), *behind]


def _without_end(line: Sequence[Any]) -> list[Any]:
    """Return an open line as it would be written (`write_story`)."""
    written = [*line]
    while written[-1] in (None, ""):
        written.pop()
    return written
