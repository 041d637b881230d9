"""A store over the engine in memory: decisions are tested without a server.

All stores of a test share one `Shared`, as several processes share a partition.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, ClassVar

from redis.asyncio import Redis

from relay.domain.deliveries import Accepted, Target
from relay.domain.events import Event
from relay.domain.facts import NOWHERE, Space
from relay.engine.draft import Draft, Settings
from relay.engine.intake import Report
from relay.engine.known import known
from relay.engine.step import step
from relay.errors import handling
from relay.store.bodies import Bodies as InRedis
from relay.store.client import Promise
from relay.store.journal.clock import PartitionClock
from relay.store.journal.items import Admission
from relay.store.plain import Plain
from relay.store.queries.bundles import Bundles
from relay.store.queue import Queue
from relay.store.server_signs import Signs
from tests.support.memory import Memory
from tests.support.memory_reader import MemoryReader


@dataclass
class Configured(Settings):
    """Settings of a step without rules."""

    job: str = ""
    max_jobs: int = Settings.max_jobs


@dataclass
class Shared:
    """What all processes of a test have in common: the partition and its time."""

    clock: Callable[[], float]
    memory: Memory = field(default_factory=Memory)

    def __post_init__(self) -> None:
        self.time = PartitionClock(lambda: 0.0, self.clock)

    def step(self, entry: Any, settings: Any = None) -> Any:
        """Decide, twice: a step that has to read more runs again, and nothing but its changes may be left of it."""
        now = self.time.now()
        self.memory.forget(now)
        settings = settings or Configured()
        with handling():
            first, _ = step(self.memory, entry, now, settings)
            changes, answer = step(self.memory, entry, now, settings)
        assert changes == first, f"{type(entry).__name__} decides otherwise when it runs again"
        self.memory.apply(changes, now)
        return answer

    def draft(self) -> Draft:
        """Return what a question reads."""
        now = self.time.now()
        self.memory.forget(now)
        return Draft(self.memory, now)

    def take_set_back(self) -> float:
        self.time.hear(0)
        back, self.time.set_back = self.time.set_back, 0
        return back / 1000


@dataclass
class MemoryJournal:
    """A process's way to the partition: it decides at once."""

    shared: Shared
    process: str
    settings: Any
    decided: Callable[[Any, Any], None] = lambda entry, outcome: None
    owns = is_owned = True
    term = 1
    damaged: ClassVar[dict[str, str]] = {}

    def may_send(self) -> bool:
        return True

    async def submit(
        self,
        entry: Any,
        *,
        act: str = "",
        admission: Admission = Admission.ALWAYS,
        lazy: bool = False,
        only_owner: bool = False,
        brief: bool = False,
        patience: float | None = None,
    ) -> Any:
        answer = self.shared.step(entry, self.settings)
        self.decided(entry, answer)
        return answer


class NoBodies:
    """It is a plain list in Redis, and no decision."""

    async def faults(self) -> int:
        return 0

    async def size(self) -> int:
        return 0

    async def trim(self) -> None: ...


class MemoryStore(Queue):
    """One process's store, with what `relay.store.Store` has beside the queue."""

    emptied = False

    def __init__(self, shared: Shared, *, worker: str = "worker", jobs: int = Settings.max_jobs) -> None:
        self.shared = shared
        super().__init__(
            MemoryJournal(shared, worker, Configured(max_jobs=jobs)),
            MemoryReader(shared.memory, shared.time.now),
        )
        self.partition = self.journal
        self.promise = Promise("memory")
        self.redis: Any = SimpleNamespace(connection_pool=None)
        self.plain = Plain(self.redis)
        self.bundles = Bundles(self)
        self.bodies = NoBodies()

    async def prepare(self, *_: Any, **__: Any) -> Promise:
        return self.promise

    async def aclose(self) -> None:
        """Nothing is open."""

    async def time(self) -> float:
        return self.shared.time.now() / 1000

    async def release_gone(self) -> None:
        """Who is gone, tests say (tests.support.queue.lose)."""

    def take_set_back(self) -> float:
        """Return the seconds by which the clock was set back since this was last asked."""
        return self.shared.take_set_back()

    async def ping(self) -> None:
        """It is there."""

    async def fullness(self) -> float:
        return 0.0

    async def signs(self) -> Signs:
        return Signs(0.0, 0, 0, 0, 0, aof_failing=False, fsyncs_delayed=0)

    async def check_types(self, channels: Iterable[str]) -> None:
        """No other program writes to it."""

    async def probe(self) -> None:
        """It takes writes."""

    async def accept(self, event: Event, targets: Sequence[Target]) -> Accepted:
        """Accept an event with these targets, as it is."""
        accepted: Accepted = await self.submit(Report(event, targets))
        return accepted

    async def known(self, subject: str, space: Space | Mapping[str, str] = NOWHERE) -> dict[str, str]:
        with handling():
            return known(self.shared.draft(), subject, space)


class ListingStore(MemoryStore):
    """It has beside its memory what are plain lists in Redis: the quarantine, the audit trail."""

    def __init__(
        self,
        shared: Shared,
        redis: Redis,
        **options: Any,
    ) -> None:
        super().__init__(shared, **options)
        self.redis = redis
        self.plain = Plain(redis)
        self.bodies: Any = InRedis(self.plain)
