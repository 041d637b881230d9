"""Reads of a state in memory, as of one in Redis."""

from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from relay.engine.state import Record
from relay.store.queries.reader import Line, Reader, Span, Stretch
from tests.support.memory import Memory

R = TypeVar("R", bound=Record)


class MemoryReader(Reader):
    """Reads at the time of `clock` (ms)."""

    def __init__(self, memory: Memory, clock: Callable[[], int]) -> None:
        self._memory = memory
        self._ms = clock

    @property
    def _state(self) -> Memory:
        self._memory.forget(self._ms())
        return self._memory

    async def now(self) -> int:
        return self._ms()

    async def records(self, kind: type[R], names: Sequence[str]) -> list[R | None]:
        state = self._state
        return [state.record(kind, name) for name in names]

    async def table(self, table: str) -> Mapping[str, bytes]:
        return dict(self._state.table(table))

    async def fields(self, table: str, names: Sequence[str]) -> list[bytes | None]:
        state = self._state
        return [state.field(table, name) for name in names]

    async def table_sizes(self, tables: Sequence[str]) -> list[int]:
        state = self._state
        return [len(state.table(table)) for table in tables]

    async def scores(self, places: Sequence[tuple[str, str]]) -> list[int | None]:
        return [self._memory.score(index, member) for index, member in places]

    async def sizes(self, indexes: Sequence[str]) -> list[int]:
        return [self._memory.size(index) for index in indexes]

    async def members(self, spans: Sequence[Span]) -> list[list[tuple[str, int]]]:
        return [self._members(span) for span in spans]

    def _members(self, span: Span) -> list[tuple[str, int]]:
        rows = (self._memory.descending if span.descending else self._memory.ascending)(span.name)
        fitting = (
            (member, score)
            for score, member in rows
            if (span.low is None or score >= span.low) and (span.high is None or score <= span.high)
        )
        return [*islice(fitting, span.skip, span.skip + span.limit)]

    async def logs(self, logs: Sequence[str], limit: int) -> list[Sequence[bytes]]:
        state = self._state
        return [state.log(log)[-limit:] for log in logs]

    async def lines(self, stretches: Sequence[Stretch]) -> list[list[Line]]:
        return [self._lines(stretch) for stretch in stretches]

    def _lines(self, stretch: Stretch) -> list[Line]:
        state = self._state
        fitting = (
            Line(*row)
            for row in reversed(state.streams.get(stretch.name, ()))
            if row[0] >= stretch.since and (stretch.before is None or row[:2] < stretch.before)
        )
        return [*islice(fitting, stretch.limit)]

    async def counts(self) -> Mapping[str, int]:
        return dict(self._memory.counts)
