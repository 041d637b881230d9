"""State of reconciliation: whose turn it is, up to when new runs are known, and the silent runs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relay.domain.facts import Space
from relay.errors import AmbiguousId
from relay.store.queue import Store
from relay.store.records import values_in
from relay.store.runs import Runs

PAGE, PAGES = 500, 40  # runs that are examined in one step, and steps in one reconciliation


@dataclass(frozen=True, slots=True)
class SilentRun:
    """A run that goes on as far as relay knows, and what it last said."""

    operation: str  # the platform's id of it
    percentage: float | None = None
    phase: str = ""


class ReconciliationState:
    """Any number of processes may ask at once. Every failure is StoreUnavailable, and everything may be repeated."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._runs = Runs(store)

    async def turn(self, period: float) -> float | None:
        """For one process in each period the time given to the last `finished`, 0 if there was none; else None."""
        answer = await self._store.partitions[0].run("watch", ["turn", int(period * 1000)])
        return int(answer) / 1000 if answer is not None else None

    async def finished(self, at: float) -> None:
        """A reconciliation is done: every run that began before this time is known."""
        await self._store.partitions[0].run("watch", ["finished", int(at * 1000)])

    async def unheard(self, seconds: float, limit: int, space: Space) -> list[SilentRun]:
        """Runs of this project that were silent for so long; longest silent, or not given out, first.

        A run whose platform, tenant or project is not known is given too.
        """
        silent: list[tuple[int, bytes, SilentRun, bool]] = []
        for page in range(PAGES):
            pages = await self._page(page, seconds, space)
            silent += [_row(row) for _, *rows in pages for row in rows]
            if all(int(examined) < PAGE for examined, *_ in pages):
                break
        chosen = sorted(silent, key=lambda row: row[0])[:limit]
        for partition in self._store.partitions:
            theirs = [name for _, name, _, _ in chosen if self._store.partitions.of(name.decode()) is partition]
            if theirs:
                await partition.run("watch", ["asked", *theirs])
        return [await self._by_present_id(name, run) if again else run for _, name, run, again in chosen]

    async def _page(self, page: int, seconds: float, space: Space) -> list[Any]:
        """Of those partitions that are not away."""
        args: list[str | int] = ["unheard", page * PAGE, PAGE, int(seconds * 1000), *space]
        return [*(await self._store.partitions.each(lambda partition: partition.run("watch", args))).values()]

    async def unknown(self, operations: Sequence[str], space: Space) -> list[str]:
        """Return the runs of this project that relay has no event of, in the same order."""
        heard_of = await asyncio.gather(*(self._is_known(name, space) for name in operations))
        return [name for name, known in zip(operations, heard_of, strict=True) if not known]

    async def _is_known(self, operation: str, space: Space) -> bool:
        try:
            return (await self._store.spaces.resolved(operation, space)).keys() - {"space"} != set()
        except AmbiguousId:  # of this project or of another that says less: it has events in any case
            return True

    async def _by_present_id(self, name: bytes, run: SilentRun) -> SilentRun:
        """A run that was begun again under a new id goes by that id at the platform."""
        history = await self._runs.history(name.decode())
        present_id = next((event.own_id for event in reversed(history) if event.own_id), run.operation)
        return SilentRun(present_id, run.percentage, run.phase)


def _row(row: Sequence[bytes | None]) -> tuple[int, bytes, SilentRun, bool]:
    name, since, *packed = row
    values = values_in(packed)
    percentage = float(values["percentage"]) if "percentage" in values else None
    run = SilentRun(values["id"], percentage, values.get("watch:phase", ""))
    return int(since or 0), name or b"", run, values.get("retry", "0") != "0"
