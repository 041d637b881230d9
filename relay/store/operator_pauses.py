"""Destinations that a person has paused: what is for them waits until the end of the pause, or until it is lifted.

Such a pause is kept in every partition, beside those of what does not work. Nothing but its end or a person lifts it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from relay.store import keys
from relay.store.client import call
from relay.store.everywhere import Everywhere
from relay.store.partitions import Partition
from relay.store.queue import Store

SCOPE = "operator:"
MOST = 1000  # that are looked at


@dataclass(frozen=True, slots=True)
class OperatorPause:
    """Times are seconds since the epoch; `until` is None where it has no end."""

    destination: str
    by: str
    reason: str
    since: float
    until: float | None


class OperatorPauses:
    """Every failure is StoreUnavailable. Every call may be repeated, which completes one that was cut off."""

    def __init__(self, store: Store, *, partial: bool = False) -> None:
        """`partial`: partitions that are away are left out where pauses are read."""
        self._store = store
        self._everywhere = Everywhere(store, partial=partial)

    async def pause(self, destination: str, reason: str, by: str, *, seconds: float | None = None) -> None:
        """From now on, for so long; what is being sent at this moment still goes out. It takes the place of another."""
        ms: str | int = "" if seconds is None else round(seconds * 1000)
        await self._store.partitions.run("parking", ["pause", destination, ms, reason, by])

    async def resume(self, destination: str) -> bool:
        """False: it was not paused by a person."""
        return any(map(int, await self._store.partitions.run("parking", ["resume", destination])))

    async def all(self, now: float) -> list[OperatorPause]:
        """Return the pauses in force, by name; also of destinations that the configuration has no more."""
        names = (await self._everywhere.members(keys.PAUSED))[:MOST]
        if not names:
            return []

        async def ask(partition: Partition) -> list[Sequence[bytes | None]]:
            async with self._store.redis.pipeline(transaction=False) as pipeline:
                for name in names:
                    pipeline.hmget(partition.key(f"pause:{SCOPE}{name}"), "since", "until", "by", "reason", "ends")
                return list(await call(pipeline.execute()))

        pauses = dict[str, OperatorPause]()
        for rows in await self._everywhere.of_each(ask):
            for name, row in zip(names, rows, strict=True):
                if row[0] is not None and (entry := _pause(name, row, now)):
                    pauses.setdefault(name, entry)
        return [pauses[name] for name in sorted(pauses)]


def _pause(name: str, row: Sequence[bytes | None], now: float) -> OperatorPause | None:
    """None where it is over."""
    since, until, by, reason, ends = ((value or b"").decode("utf-8", "replace") for value in row)
    end = float(until) / 1000 if ends != "0" else None
    if end is not None and end <= now:
        return None
    return OperatorPause(name, by, reason, float(since) / 1000, end)
