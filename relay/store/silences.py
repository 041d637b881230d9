"""Silences in Redis: made and ended by people, read by every process, remembered for 30 days after their end.

They live in the first partition. What one holds is where its messages are made, and so is the mark that it was ended
before its time: from then on nothing more is held, also by a process that does not know of it yet.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import structlog

from relay.domain.silences import Silence, dump, load
from relay.errors import RelayError, Unsealable
from relay.store.client import call
from relay.store.partitions import Partition
from relay.store.queue import Store
from relay.store.sealing import SILENCE, opened

log = structlog.get_logger(__name__)

MOST = 200  # that are not over


def new_id() -> str:
    return f"s-{token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Reading:
    """The state in the store: its version, the silences that are not over, None where the version is the same; and
    those that were ended and are still to be lifted, with the ends that were planned (ms)."""

    version: str
    silences: Sequence[Silence] | None
    lifting: Sequence[tuple[str, int]] = ()


class SilenceList:
    """Any number of processes may use it at once. Every failure is StoreUnavailable, and every call may be repeated."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._first = store.partitions[0]

    async def add(self, silence: Silence) -> None:
        """Every process goes by it within a second. RelayError where there are too many."""
        text = dump(silence)
        if sealer := self._store.sealer:
            stored: str | bytes = sealer.seal(text.encode(), SILENCE, silence.id)
        else:
            stored = text
        if not await self._run("add", silence.id, stored, round(silence.until * 1000), MOST):
            raise RelayError(f"there are {MOST} silences that are not over, which is as many as there may be; end one")

    async def expire(self, id_: str) -> bool:
        """End it now, begun or not, and release what it held. False: it was over, or there is none.

        A crash in between leaves it ended, and the next process that looks releases what it held.
        """
        if not await self._run("expire", id_):
            return False
        await self.lift((await self.read("")).lifting)
        return True

    async def all(self) -> list[Silence]:
        """Return the silences that are not over, or ended in the last 30 days: by their ends, the next first."""
        rows = await self._run("list", "-inf", "+inf")
        return [*self._silences(rows)]

    async def held(self, ids: Sequence[str]) -> dict[str, int]:
        """Count the deliveries that wait for the end of each, in the partitions that are there."""

        async def count(partition: Partition) -> list[int]:
            async with self._store.redis.pipeline(transaction=False) as pipeline:
                for id_ in ids:
                    pipeline.scard(partition.key(f"silenced:{id_}"))
                return list(await call(pipeline.execute()))

        sizes = (await self._store.partitions.each(count)).values() if ids else []
        return {id_: sum(column) for id_, column in zip(ids, zip(*sizes, strict=True), strict=True)}

    async def read(self, version: str) -> Reading:
        """Return the silences that are not over, if changed since this version; '' is none."""
        is_, lifting, rows = await self._run("current", version)
        ends = [(id_.decode(), int(float(at))) for id_, at in zip(lifting[::2], lifting[1::2], strict=True)]
        return Reading(is_.decode(), None if rows == b"" else [*self._silences(rows)], ends)

    async def lift(self, lifting: Sequence[tuple[str, int]]) -> None:
        """Release what these held, in every partition. StoreUnavailable where one is away."""
        for id_, planned in lifting:
            await self._store.partitions.run("silence", ["lift", id_, planned])
            await self._run("lifted", id_)

    def _silences(self, rows: Sequence[bytes]) -> Iterator[Silence]:
        for id_, text, ends in zip(rows[::3], rows[1::3], rows[2::3], strict=True):
            name = id_.decode()
            try:
                yield load(name, opened(self._store.sealer, text, SILENCE, name).decode(), float(ends) / 1000)
            except Unsealable as error:  # nothing is held by it, for its meaning is unknown here
                log.error("silence.sealed", silence=name, error=str(error))
            except (AttributeError, TypeError, ValueError) as error:
                log.error("silence.unreadable", silence=name, error=type(error).__name__)

    async def _run(self, verb: str, *args: str | bytes | int) -> Any:
        return await self._first.run("silence", [verb, *args], quiet=True)
