"""State of reconciliation: whose turn it is, up to when new runs are known, and the silent runs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from relay.domain.facts import Space
from relay.engine.clock import Reconciled, TakeTurn
from relay.engine.records import WATCH, Operation
from relay.engine.runs import history
from relay.engine.watch import MOST_LOOKED_AT, AskedPlatform, asked_about, is_unheard
from relay.errors import AmbiguousId
from relay.store.queries.questions import Questions
from relay.store.queries.reader import Span
from relay.store.queries.spaces import Spaces

PAGE = 500  # runs that are read at once


@dataclass(frozen=True, slots=True)
class SilentRun:
    """A run that goes on as far as relay knows, and what it last said."""

    operation: str  # the platform's id of it
    percentage: float | None = None
    phase: str = ""


class ReconciliationState(Questions):
    """Any number of processes may ask at once, and everything may be repeated."""

    async def turn(self, period: float) -> float | None:
        """For one process in each period the time given to the last `finished`, 0 if there was none; else None."""
        answer = await self._store.submit(TakeTurn(int(period * 1000)))
        return answer / 1000 if answer is not None else None

    async def finished(self, at: float) -> None:
        """A reconciliation is done: every run that began before this time is known."""
        await self._store.submit(Reconciled(int(at * 1000)))

    async def unheard(self, seconds: float, limit: int, space: Space) -> list[SilentRun]:
        """Runs of this project that were silent for so long; longest silent, or not given out, first.

        A run whose platform, tenant or project is not known is given too.
        """
        since = await self._reader.now() - int(seconds * 1000)
        [watched] = await self._reader.members([Span(WATCH, MOST_LOOKED_AT)])
        silent = list[Operation]()
        for first in range(0, len(watched), PAGE):
            runs = await self._reader.records(Operation, [name for name, _ in watched[first : first + PAGE]])
            silent += [o for o in runs if o and is_unheard(o, since, space)]
        chosen = sorted(silent, key=asked_about)[:limit]
        if chosen:
            await self._store.submit(AskedPlatform([o.name for o in chosen]))
        return [await self._silent(o) for o in chosen]

    async def _silent(self, o: Operation) -> SilentRun:
        """A run that was begun again under a new id goes by that id at the platform."""
        events = await self._ask(lambda d: history(d, o.name)) if o.run else ()
        present = next((event.own_id for event in reversed(events) if event.own_id), o.subject)
        return SilentRun(present, o.percentage, o.phase)

    async def unknown(self, operations: Sequence[str], space: Space) -> list[str]:
        """Return the runs of this project that relay has no event of, in the same order."""
        heard_of = await asyncio.gather(*(self._is_known(name, space) for name in operations))
        return [name for name, known in zip(operations, heard_of, strict=True) if not known]

    async def _is_known(self, operation: str, space: Space) -> bool:
        try:
            return bool((await Spaces(self._store).resolved(operation, space)).keys() - {"space"})
        except AmbiguousId:  # of this project or of another that says less: it has events in any case
            return True
