"""The runs that go on, for people who look at them: those with an alarm first. Bounded, however many there are."""

from collections.abc import Sequence
from dataclasses import dataclass

from relay.domain.facts import Space
from relay.domain.jobs import Run
from relay.store.client import call
from relay.store.everywhere import Everywhere
from relay.store.partitions import Partition
from relay.store.queue import Store
from relay.store.reading import read_all
from relay.store.records import FIELDS, SEALED, values_in
from relay.store.runs import run_of
from relay.store.sealing import open_texts

FEW = 1000  # stalled runs of a partition, up to which all are looked at for the gravest


@dataclass(frozen=True, slots=True)
class Goes:
    """A run in progress. `heard` is the time of its last event, in seconds since the epoch."""

    name: str  # the store's, for links to it
    subject: str
    space: Space
    title: str
    type: str
    priority: str
    status: str
    percentage: float | None
    phase: str
    heard: float
    run: Run
    stalled: bool


@dataclass(frozen=True, slots=True)
class Counts:
    running: int
    stalled: int


class Running:
    """Every failure is StoreUnavailable; partitions that are away are left out."""

    def __init__(self, store: Store) -> None:
        self._everywhere = Everywhere(store, partial=True)
        self._redis = store.redis

    async def counts(self) -> Counts:
        watched = await self._everywhere.each(lambda key: self._redis.zcard(key("watch")))
        stalled = await self._everywhere.each(lambda key: self._redis.scard(key("stalled")))
        return Counts(sum(watched), sum(stalled))

    async def some(self, limit: int) -> list[Goes]:
        """Up to so many: those with an alarm, then those that the watchdog looks at next."""

        async def ask(partition: Partition) -> list[Goes]:
            stalled = await self._stalled(partition, limit)
            names = await call(self._redis.zrange(partition.key("watch"), 0, limit - 1))
            chosen = list(dict.fromkeys([*stalled, *(name.decode() for name in names)]))[:limit]
            return await self._read(partition, chosen, set(stalled))

        rows = [row for rows in await self._everywhere.of_each(ask) for row in rows]
        return sorted(rows, key=lambda row: (not row.stalled, -row.heard))[:limit]

    async def _stalled(self, partition: Partition, limit: int) -> list[str]:
        key = partition.key("stalled")
        few = await call(self._redis.scard(key)) <= FEW
        members = await call(self._redis.smembers(key) if few else self._redis.srandmember(key, limit))
        return sorted(member.decode() for member in members)[:limit]

    async def _read(self, partition: Partition, names: Sequence[str], stalled: set[str]) -> list[Goes]:
        commands = [("HMGET", partition.key(f"operation:{name}"), *FIELDS) for name in names]
        rows = await read_all(self._redis, partition.key("operation"), commands)
        return [self._goes(name, row, name in stalled) for name, row in zip(names, rows, strict=True) if row[0]]

    def _goes(self, name: str, row: Sequence[bytes | None], stalled: bool) -> Goes:
        facts = open_texts(self._everywhere.sealer, values_in(row), SEALED)
        run = run_of(row, self._everywhere.sealer)
        return Goes(
            name=name,
            subject=run.subject,
            space=Space(*(facts.get(f"fact:{part}", "") for part in Space._fields)),
            title=facts.get("fact:name", ""),
            type=facts.get("fact:type", ""),
            priority=facts.get("fact:priority", ""),
            status=facts.get("status", ""),
            percentage=run.percentage,
            phase=run.phase,
            heard=run.last_event,
            run=run,
            stalled=stalled,
        )
