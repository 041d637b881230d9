"""One process's store: the queue over a partition in Redis, and Redis itself, with what it promises."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from redis.asyncio import Redis

from relay.engine.draft import NO_RULES, Settings
from relay.engine.lanes import URGENCIES
from relay.engine.receipts import Lapse
from relay.engine.records import due
from relay.engine.step import step
from relay.errors import WrongType
from relay.store import keys
from relay.store.bodies import Bodies
from relay.store.client import Durability, Promise, call, connect
from relay.store.inspection import inspect
from relay.store.journal.backlog import NotOwner
from relay.store.journal.batch import Rules
from relay.store.journal.codec import Codec
from relay.store.journal.kinds import KINDS, needs
from relay.store.journal.pace import PACE, Pace
from relay.store.journal.partition import Partition
from relay.store.journal.scripts import Scripts
from relay.store.layout import agree
from relay.store.plain import Plain
from relay.store.queries.bundles import Bundles
from relay.store.queries.reader import Reader
from relay.store.queue import Queue
from relay.store.server_signs import Signs, fullness_of, signs_of

PROBED = 60_000  # ms for which the probe stays
LAPSES = 3.0  # seconds between two times that a process which does not own the partition gives up what it let go


class Store(Queue):
    """The store of one process. Nothing is sent before `prepare`."""

    def __init__(
        self,
        redis: Redis,
        *,
        process: str,
        settings: Settings = NO_RULES,
        private: bool = False,
        may_own: bool = True,
        is_gone: Callable[[str], bool] = lambda _process: False,
        pace: Pace = PACE,
        clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`settings`: what is decided by, from the first entry that waits. `private`: no other process uses this Redis.

        `may_own`: this one may decide and deliver. `is_gone`: that process has surely ended. `clock` takes the place of
        Redis's, for tests (seconds since the epoch).
        """
        self.redis = redis
        self._private, self._is_gone = private, is_gone
        self._asking: asyncio.Task[None] | None = None
        self._monotonic, self._lapsed = monotonic, float("-inf")
        self.promise = Promise("memory")
        codec = Codec(KINDS)
        self.partition = Partition(
            redis,
            Rules(step, codec, needs, self._take_over),
            settings,
            process=process,
            alone=private,
            may_own=may_own,
            pace=pace,
            clock=clock,
            monotonic=monotonic,
        )
        super().__init__(self.partition, Reader(Scripts(redis), codec, keys.PREFIX, clock))
        self.plain = Plain(redis)
        self.bodies = Bodies(self.plain)
        self.bundles = Bundles(self)
        self._started = False

    @classmethod
    def open(cls, url: str, **options: Any) -> "Store":
        """A store on the Redis at this URL, with the options of the constructor. Nothing is sent yet."""
        return cls(connect(url), **options)

    async def prepare(self, durability: Durability = "auto", replicas: int = 1) -> Promise:
        """Check that this Redis may be relied on, and take part. ConfigError if not, StoreUnavailable if it is away."""
        promise = await inspect(self.redis, durability, replicas)
        await agree(self.plain)
        self.promise = promise
        self.partition.scripts.replicas = promise.replicas
        if not self._started:
            self.partition.start()
            self._started = True
            await self.partition.joined()
        return promise

    async def release_gone(self) -> None:
        """Give up hand-outs of processes that are gone, and what this one let go: what was sent is asked for."""
        process = self.partition.process
        if self.partition.owns:
            # Decided by another, it would give up what that one handed out since.
            await self._give_up([*sorted(self.partition.living - {process}), *self.attended()], [f"{process}:"])
        elif self._monotonic() - self._lapsed > LAPSES and (mine := self.unattended()):
            self._lapsed = self._monotonic()
            await self.partition.submit(mine, brief=True)

    def _take_over(self, living: Sequence[str]) -> Lapse:
        """Give up what may be at once, and ask then whether those have ended whose calls may be under way."""
        if self._private:
            return Lapse(living=living)
        self._asking = asyncio.create_task(self._give_up(living))
        self._asking.add_done_callback(lambda task: task.cancelled() or task.exception())  # it is asked every second
        return Lapse(living=living, ended=())

    async def _give_up(self, living: Sequence[str], ended: Sequence[str] = ()) -> None:
        lapse = Lapse(living=living, ended=("",) if self._private else ended)
        with contextlib.suppress(NotOwner):
            # What the processes that are gone said last is in the inbox.
            left = await self.partition.submit(lapse, only_owner=True, in_order=True, brief=True)
            if gone := [f"{name}:" for name in left if self._is_gone(name)]:
                await self._give_up(living, gone)

    async def hand_over(self, _left: float = 0.0) -> None:
        """Let another process own the partition, if one lives; what this one sends goes on."""
        await self.partition.hand_over()

    async def aclose(self) -> None:
        await self.partition.aclose()
        await self.redis.aclose()

    @property
    def emptied(self) -> bool:
        """True where the data was found deleted since this was last asked."""
        emptied, self.partition.emptied = self.partition.emptied, False
        return emptied

    def take_set_back(self) -> float:
        """Return the seconds by which Redis's clock was set back since this was last asked."""
        return self.partition.take_set_back() / 1000

    async def time(self) -> float:
        """Return the partition's time, seconds since the epoch."""
        return await self.reader.now() / 1000

    async def ping(self) -> None:
        await call(self.redis.ping())

    async def fullness(self) -> float:
        """Return the used part of this Redis's `maxmemory`, 0 without one."""
        return fullness_of(await call(self.redis.info("memory")))

    async def signs(self) -> Signs:
        return signs_of(await call(self.redis.info("server", "memory", "persistence", "replication")))

    async def check_types(self, channels: Iterable[str]) -> None:
        """Raise WrongType where another program's value stands under a key that events have in common."""
        expected = {name: kind for kind, names in keys.SHARED.items() for name in names}
        expected |= {due(channel, urgency): "zset" for channel in channels for urgency in URGENCIES}
        answers = await self.plain.do(*(("TYPE", name) for name in expected))
        for (name, kind), answer in zip(expected.items(), answers, strict=True):
            if answer not in (kind.encode(), b"none"):
                raise WrongType(answer.decode(), kind, keys.PREFIX + name)

    async def probe(self) -> None:
        """One small write: a full Redis, or one that became a read-only replica, refuses it with StoreUnavailable."""
        await self.plain.do(("SET", keys.PROBE, 1, "PX", PROBED))
