"""The verbs of relay.store.Store, and of what reads it, over the engine in memory: the same tests run over both.

All stores of a test share one `Shared`, as several processes share a Redis. What a process holds is in its tickets; one
that gives no sign of life for as long as a lease lasted is gone, and what it held lapses.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import count
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any

from redis.asyncio import Redis

from relay import metrics
from relay.domain.deliveries import Accepted, Delivery, Notification, Receipt, Target, Window
from relay.domain.events import Event
from relay.domain.facts import NOWHERE, Space
from relay.domain.parsing import load
from relay.domain.permissions import Permissions
from relay.domain.silences import Hold, dump
from relay.engine import entries, names, receipts, records
from relay.engine.known import known
from relay.engine.ledger import write_story
from relay.engine.state import Draft, Memory
from relay.engine.step import step
from relay.errors import Ignored, handling
from relay.ingest import Ingest
from relay.policy.targets import Targets
from relay.store.claiming import Claimed
from relay.store.client import Durability, Promise, Scripts, connect
from relay.store.partitions import Partitions
from relay.store.queries.bundles import Bundles
from relay.store.queries.reader import MemoryReader
from relay.store.queries.spaces import Spaces
from relay.store.queue import LEASE
from relay.store.run_plan import MAX_JOBS
from relay.store.sealing import Sealer
from relay.store.server_signs import Signs
from relay.store.settling import Pause, digest_baseline_of
from relay.store.silences import MOST

TESTS = Path(__file__).parents[1]
PULSE_GAP, PULSE_LIFE = 2.0, 4.0  # seconds
SET_BACK = 5.0  # seconds; less than that, and waiting is simpler


@dataclass
class Configured:
    """Settings of a step, of a configuration or of none."""

    job: str = ""
    max_jobs: int = MAX_JOBS
    rules: Targets | None = None

    def targets(self, event: Event) -> Sequence[Target]:
        return self.rules.of(event) if self.rules else ()

    def asks(self, condition: str) -> bool:
        return self.rules is not None and self.rules.matcher.asks(condition)


@dataclass
class Shared:
    """What all processes of a test have in common: the partition, its time, and who lives."""

    clock: Callable[[], float]
    memory: Memory = field(default_factory=Memory)
    pulses: dict[str, float] = field(default_factory=dict)
    leases: dict[str, float] = field(default_factory=dict)  # by ticket, until when
    latest: float = 0.0

    def step(self, entry: Any, settings: Any = None) -> Any:
        """Decide, twice: a step that has to read more runs again, and nothing but its changes may be left of it."""
        now = int(self.clock() * 1000)
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
        now = int(self.clock() * 1000)
        self.memory.forget(now)
        return Draft(self.memory, now)

    def lapse(self) -> None:
        """Take back what is held by processes that are gone."""
        for ticket in [ticket for ticket, until in self.leases.items() if until <= self.clock()]:
            del self.leases[ticket]
            d = self.draft()
            held = d.get(records.Delivery, ticket.rpartition(":")[2])
            if held and held.ticket == ticket:  # one by one: a ticket may begin as another one does
                receipts._lapse(d, d.edit(records.Delivery, held.name))
                write_story(d)
                self.memory.apply(d.changes, d.now)

    def pulse(self, worker: str, lease: float) -> float:
        now = self.clock()
        back = max(0.0, self.latest - now)
        self.latest = now
        if back > SET_BACK:
            self.step(entries.ClockSetBack(round(back * 1000)))
            self.pulses = {name: at - back for name, at in self.pulses.items()}
            self.leases = {name: at - back for name, at in self.leases.items()}
        self.sign(worker, lease)
        return back if back > SET_BACK else 0.0

    def sign(self, worker: str, lease: float) -> None:
        """Give a sign of life; who gave none for long is gone."""
        now = self.clock()
        away = now - max(self.pulses.values(), default=now) - PULSE_GAP
        if away > 0:  # nobody gave a sign: Redis was away, and who holds something may settle it first
            self.pulses = {name: at + away for name, at in self.pulses.items()}
            self.leases = {name: max(at, min(at + away, now + lease)) for name, at in self.leases.items()}
        self.pulses[worker] = now
        for gone in [name for name, at in self.pulses.items() if at < now - PULSE_LIFE]:
            del self.pulses[gone]
            self.give_up(f"{gone}:")

    def give_up(self, begins: str = "") -> None:
        """Let the leases of these tickets lapse now; the claims to come take them back."""
        self.leases |= {ticket: 0.0 for ticket in self.leases if ticket.startswith(begins)}


class OnePartition:
    """What is asked of the partitions where there is one."""

    number = 0

    def __init__(self) -> None:
        self.away: dict[int, str] = {}
        self.patience = None
        self.present = [self]

    def of(self, _name: str) -> "OnePartition":
        return self

    def __len__(self) -> int:
        return 1

    def __getitem__(self, _number: int) -> "OnePartition":
        return self


class EngineStore:
    """One process's store. The verbs are those of relay.store.Store, which says what each does."""

    intake = True  # `Ingest` decides in the step that accepts
    emptied = False
    sealer: Sealer | None = None
    redis: Any = SimpleNamespace(connection_pool=None)
    away: Mapping[int, str] = MappingProxyType({})

    def __init__(self, shared: Shared, *, worker: str, lease: float = LEASE, jobs: int = MAX_JOBS) -> None:
        from tests.support.engine_readers import EngineCauses

        self.shared = shared
        self.worker = worker
        self.lease = lease
        self.promise = Promise("memory")
        self.partitions: Any = OnePartition()
        self.settings = Configured(max_jobs=jobs)
        self.reader = MemoryReader(shared.memory, lambda: int(shared.clock() * 1000))
        self.spaces = Spaces(self)
        self.bundles = Bundles(self)
        self.causes = EngineCauses(shared)
        self._hand_outs = count()

    async def submit(self, entry: Any) -> Any:
        return self.shared.step(entry, self.settings)

    def keep_copies(self, _bounds: tuple[int, int] | None) -> None:
        """Copies are a plain list in Redis, and no decision."""

    async def prepare(self, durability: Durability = "auto", replicas: int = 1, *, sealing: bool = False) -> Promise:
        return self.promise

    async def aclose(self) -> None:
        if isinstance(self.redis, Redis):
            await self.redis.aclose()

    async def time(self) -> float:
        return self.shared.clock()

    async def ping(self) -> None:
        """It is there."""

    async def fullness(self) -> float:
        return 0.0

    async def signs(self) -> Signs:
        return Signs(0.0, 0, 0, 0, 0, aof_failing=False, fsyncs_delayed=0)

    async def probe(self) -> dict[int, str]:
        return {}

    async def pulse(self) -> float:
        return self.shared.pulse(self.worker, self.lease)

    async def take_over(self) -> None:
        self.shared.pulses.clear()
        self.shared.give_up()

    async def accept(
        self, event: Event, targets: Sequence[Target], *, completes: bool = False, unasked: bool = False
    ) -> Accepted:
        if unasked:  # whoever decides looks at what is known: the caller may as well ask
            return Accepted("elsewhere")
        entry = entries.Report(event, targets, completes=completes)
        return self.shared.step(entry, self.settings)

    async def kept(self, event: Event) -> Event | None:
        name = names.operation(event.subject, event.space(event.subject))
        body = self.shared.draft().field(records.documents(name), event.name)
        return load(body) if body else None

    async def known(self, subject: str, space: Space | Mapping[str, str] = NOWHERE) -> dict[str, str]:
        with handling():
            return known(self.shared.draft(), subject, space)

    async def claim(
        self,
        channel: str,
        limit: int,
        quiet: Mapping[str, Window] = MappingProxyType({}),
        *,
        idle: float = 0.0,
        without: Collection[int] = (),
    ) -> Claimed:
        if self.worker in self.shared.pulses:
            self.shared.sign(self.worker, self.lease)
        self.shared.lapse()
        ticket = f"{self.worker}:{next(self._hand_outs)}"
        taken = self.shared.step(entries.Take(channel, limit, ticket, quiet), self.settings)
        for delivery in taken.deliveries:
            self.shared.leases[delivery.lease] = self.shared.clock() + self.lease
        return Claimed(tuple(taken.deliveries), taken.next_due)

    async def mark_sending(self, delivery: Delivery) -> bool:
        return self._settle(entries.Mark, delivery, over=False) and await self.extend(delivery)

    async def extend(self, delivery: Delivery) -> bool:
        if not self._holds(delivery):
            return False
        self.shared.leases[delivery.lease] = self.shared.clock() + self.lease
        return True

    async def release(self, delivery: Delivery, delay: float = 0.0, probes_in: float | None = None) -> bool:
        probes = None if probes_in is None else int(probes_in * 1000)
        return self._settle(entries.Release, delivery, delay=int(delay * 1000), probes_in=probes)

    async def silence(self, delivery: Delivery, hold: Hold) -> bool:
        return self._settle(entries.Withhold, delivery, silence=hold.silence, how=hold.how)

    async def complete(self, delivery: Delivery, receipt: Receipt, sent: Notification | None = None) -> bool:
        return self._settle(
            entries.Arrived,
            delivery,
            receipt=dict(receipt.thread),
            detail=receipt.detail[:500],
            new=any(delivery.thread.get(key) != value for key, value in receipt.thread.items()),
            found=bool(receipt.shown),
            shown=receipt.shown,
            converges=delivery.kind in ("live", "roundup"),
            baseline=digest_baseline_of(delivery.event.document) if delivery.kind == "digest" else None,
        )

    async def reschedule(
        self,
        delivery: Delivery,
        delay: float,
        error: str,
        *,
        deaf: bool = False,
        holds: Sequence[Pause] = (),
        **flags: bool,
    ) -> bool:
        pauses = tuple(
            entries.PauseScope(
                f"lane:{delivery.lane}" if pause.scope == "lane" else pause.scope,
                int(pause.seconds * 1000),
                pause.reason[:500],
                pause.probe,
                pause.witnessed,
            )
            for pause in holds
        )
        return self._settle(
            entries.Failed,
            delivery,
            delay=int(delay * 1000),
            error=error[:500],
            unresponsive=deaf,
            pauses=pauses,
            **flags,
        )

    async def dead_letter(self, delivery: Delivery, reason: str, error: str, *, bounce: str = "") -> bool:
        return self._settle(entries.GiveUp, delivery, reason=reason, error=error[:500], bounce=bounce)

    def _holds(self, delivery: Delivery) -> bool:
        held = self.shared.draft().get(records.Delivery, delivery.id)
        return held is not None and held.ticket == delivery.lease

    def _settle(self, kind: type[entries.Held], delivery: Delivery, *, over: bool = True, **details: Any) -> bool:
        probing = delivery.trial.probe is not None
        entry = kind(delivery.id, delivery.lease, delivery.lane, probing, **details)
        done = bool(self.shared.step(entry, self.settings))
        if over and done:
            self.shared.leases.pop(delivery.lease, None)
        return done


class EngineIngest(Ingest):
    """The engine looks up, compares and routes in the step that accepts."""

    async def ingest(
        self, event: Event, targets: Sequence[Target] | None = None, *, permissions: Permissions | None = None
    ) -> Accepted:
        rules, config = self._rules(), self.config()
        settings = Configured(config.job, MAX_JOBS, rules)
        store: Any = self.store
        for silence in self.silences.current:  # of this process alone
            store.shared.step(entries.AddSilence(silence.id, dump(silence), round(silence.ends * 1000), MOST))
        accepted: Accepted = store.shared.step(entries.Report(event, targets, permissions), settings)
        if accepted.status == "ignored":
            raise Ignored("a run that did nothing, and of which nothing else is known")
        if accepted.differs:
            metrics.duplicates_differing.labels(event.source).inc()
        if accepted.id_reused or (accepted.status != "duplicate" and self._of_another(event)):
            self._reused(event)
        if accepted.deliveries:
            self.wake(self.channels)
        return accepted


def opened(
    shared: Shared, *, jobs: int = MAX_JOBS, worker: str = "", lease: float = LEASE, url: str = "", **options: Any
) -> EngineStore:
    """Open one more process's store. From now on what reads a store reads this kind as well.

    `url`: of the Redis that has the plain lists, without decisions, for tests that need some.
    """
    read_by_engine()
    store = EngineStore(shared, worker=worker, lease=lease, jobs=jobs)
    if url:
        store.redis, store.sealer = connect(url), options.get("sealer")
        store.partitions = Partitions(Scripts(store.redis, shared.clock), 1)
    return store


def needs_lists(item: Any) -> bool:
    """Return whether a test may look at plain lists, which are in Redis."""
    return item.path.relative_to(TESTS).parts[0] not in ("store", "flow", "policy")


def runs(item: Any) -> bool:
    """Return whether a test needs a store and no server, and the engine is meant to do as it says."""
    from tests.engine.differences import DIFFERENT

    needs = getattr(item, "fixturenames", ())
    return "open_store" in needs and "redis_server" not in needs and not any(map(item.nodeid.startswith, DIFFERENT))


@cache
def read_by_engine() -> None:
    """Let each class that reads a store give its like for the engine, when it is made with the engine's."""
    from tests.support.engine_readers import ALIKE

    alike: dict[type, type] = {Ingest: EngineIngest, **ALIKE}
    for kind, like in alike.items():
        kind.__new__ = partial(_made, kind, like)  # type: ignore[method-assign,assignment]


def _made(kind: type, like: type, cls: type, store: Any = None, *args: Any, **options: Any) -> Any:
    """Make an object: of the engine's class where the store is the engine's, which is made at once."""
    if cls is kind and hasattr(store, "engine") and kind is not Ingest:
        theirs = object.__new__(kind)
        theirs.__init__(store, *args, **options)
        options.pop("partial", None)  # there is one partition
        return store.both(theirs, like(store.engine, *args, **options))
    if cls is not kind or not isinstance(store, EngineStore) or (kind is Ingest and not store.intake):
        return object.__new__(cls)
    options.pop("partial", None)
    return object.__new__(like) if issubclass(like, kind) else like(store, *args, **options)
