"""Operations of the ends in a job's history: an end keeps but a part of that name (relay/engine/jobs.py).

The name is looked for among the operations whose first event came about when the run began, or about when it ended.
So a run whose first event came at another time, or that retries an older operation, stays without.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from relay.domain.events import Outcome
from relay.domain.facts import Space
from relay.domain.identity import error_words
from relay.engine import runs
from relay.engine.records import Operation
from relay.store.queries.operations import OPERATIONS
from relay.store.queries.questions import Questions
from relay.store.queries.reader import Stretch

PART = 16  # characters of the operation's name, which a run's begins with
BEFORE, BEHIND = 60.0, 300.0  # seconds around a run's start, and its end, in which its first event came
LOOKED = 100  # operations of these seconds


@dataclass(frozen=True, slots=True)
class RunName:
    """`operation` is the store's name; `subject` and `space` are what people know."""

    operation: str
    subject: str
    space: Space


class RunNames(Questions):
    """Bounded: twice `LOOKED` names for each end."""

    async def of(self, ends: Sequence[Outcome]) -> dict[str, RunName]:
        """By the runs' names, as far as they are found."""
        moments = [(end.run, at) for end in ends for at in dict.fromkeys((end.started, end.ended)) if at is not None]
        found = await self._reader.lines([_around(at) for _, at in moments])
        names: dict[str, str] = {}
        for (run, _), lines in zip(moments, found, strict=True):
            candidates = (line.content.decode() for line in lines)
            if name := next((name for name in candidates if name.startswith(run[:PART])), ""):
                names[run] = name
        known = await self._named(Operation, [*names.values()])
        operations = {run: known[name] for run, name in names.items() if name in known}
        return {run: RunName(o.name, o.subject, Space.of(o.facts)) for run, o in operations.items() if o.subject}

    async def error(self, operation: str) -> str:
        """Return the error of its event; '' where that is not kept any more."""
        failure = await self._ask(lambda d: runs.event_of(d, operation, "operation.failed"))
        return error_words(failure) if failure else ""


def _around(moment: float) -> Stretch:
    first, last = (max(0, round(1000 * edge)) for edge in (moment - BEFORE, moment + BEHIND))
    return Stretch(OPERATIONS, LOOKED, first, (last + 1, 0))
