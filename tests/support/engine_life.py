"""Stores over the engine for random lives: one whose calls get lost, and one beside a store in Redis."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import fields
from random import Random
from types import MappingProxyType
from typing import Any

from pydantic_core import to_jsonable_python
from redis.asyncio import Redis

from relay.domain.deliveries import Accepted, Delivery, Notification, Receipt, Target, Window
from relay.domain.events import Event
from relay.domain.parsing import dump
from relay.domain.silences import Hold
from relay.engine import entries, records
from relay.errors import StoreUnavailable
from relay.store.admin import Admin
from relay.store.claiming import Claimed
from relay.store.settling import Pause
from tests.support.engine_state import contradictions
from tests.support.engine_store import EngineStore, Shared
from tests.support.life.losses import LifeStore
from tests.support.life.record import Record


class Lossy:
    """What all processes share, by a way on which calls and answers get lost. After each step the state adds up."""

    def __init__(self, shared: Shared, pick: Random, losses: float) -> None:
        self._shared, self._pick, self._losses = shared, pick, losses
        self.answer: Any = None  # of the newest step, be it lost or not

    def __getattr__(self, name: str) -> Any:
        return getattr(self._shared, name)

    def step(self, entry: Any, settings: Any = None) -> Any:
        self.answer = None
        if self._pick.random() < self._losses:
            raise StoreUnavailable("lost on its way there")
        self.answer = self._shared.step(entry, settings)
        counts = self._shared.memory.counts
        held = sum(count for name, count in counts.items() if name.startswith("held:"))
        states = ("pending", "delivered", "superseded", "digested", "dead", "dropped")
        assert counts.get("accepted", 0) == held + sum(counts.get(state, 0) for state in states), (entry, counts)
        assert counts.get("pending", 0) >= 0, (entry, counts)
        assert contradictions(self._shared.memory) == [], entry
        if self._pick.random() < self._losses and not isinstance(entry, entries.Take):  # handed over in memory
            raise StoreUnavailable("the answer was lost")
        return self.answer


class EngineLifeStore(EngineStore):
    """relay's LifeStore over the engine. What is known of an event is looked at in the step that accepts it."""

    intake = False  # the record has to see what is accepted

    def __init__(
        self,
        shared: Shared,
        record: Record,
        pick: Random,
        meanwhile: Callable[[], Awaitable[None]],
        *,
        losses: float,
        worker: str,
        clock: Any = None,
    ) -> None:
        super().__init__(Lossy(shared, pick, losses), worker=worker)  # type: ignore[arg-type]
        self._record = record

    async def accept(
        self, event: Event, targets: Sequence[Target], *, completes: bool = False, unasked: bool = False
    ) -> Accepted:
        if unasked:
            return Accepted("elsewhere")
        lossy: Any = self.shared
        try:
            return await super().accept(event, targets, completes=completes)
        finally:
            if lossy.answer is not None:
                self._record.accepted(event, targets, lossy.answer)

    @property
    def pending(self) -> int:
        return self.shared.memory.counts.get("pending", 0)

    async def leased(self) -> bool:
        return bool(self.shared.draft().size(records.FLYING))

    async def kind_of(self, delivery: Delivery) -> str:
        x = self.shared.draft().get(records.Delivery, delivery.id)
        return x.kind if x else ""

    async def settled(self, settle: Callable[[], Awaitable[bool]]) -> bool:
        lossy: Any = self.shared
        lossy.answer = None
        return await settle()

    @property
    def was_settled(self) -> bool:
        lossy: Any = self.shared
        return bool(lossy.answer)


SAME = [field.name for field in fields(Delivery) if field.name not in ("lease", "event", "history")]


def facts_of(delivery: Delivery) -> dict[str, Any]:
    """Return all that two stores have to hand out alike."""
    rest = {name: getattr(delivery, name) for name in SAME}
    return {**rest, "event": _read(delivery.event), "history": [_read(event) for event in delivery.history]}


def _read(event: Event) -> Any:
    """A list of new messages above the cap goes on to grow: the engine hands out what it has at that moment."""
    rolling = event.document.get("kind") == "overflow"
    return (event.id, event.name) if rolling else json.loads(dump(event))


def agree(what: str, ours: Any, theirs: Any) -> None:
    assert ours == theirs, f"{what}: the engine answers {ours!r}, the store {theirs!r}"


class Twin(LifeStore):
    """A store in Redis, and one over the engine that gets the same calls and must give the same answers."""

    def __init__(
        self, redis: Redis, shared: Shared, record: Record, pick: Random, meanwhile: Any, **options: Any
    ) -> None:
        super().__init__(redis, record, pick, _nothing, **{**options, "losses": 0.0})
        self.engine = EngineStore(shared, worker=options["worker"])
        self.engine.intake = False
        self._turn = asyncio.Lock()  # the watchdog reports several runs at once
        self._theirs: dict[str, Delivery] = {}  # by lease, what the engine handed out instead

    async def pulse(self) -> float:
        answer = await super().pulse()
        agree("pulse", await self.engine.pulse(), answer)
        if answer:
            await self._put_pauses_right()
        return answer

    async def _put_pauses_right(self) -> None:
        """The clock was set back: the engine puts what is probed right at once, and the store when it is read."""
        now = int(self.engine.shared.clock() * 1000)
        for key in await self.redis.keys("{relay}:pause:*"):
            until, at, probe = (int(value or 0) for value in await self.redis.hmget(key, "until", "at", "probe"))
            if at > now and probe:
                await self.redis.hset(key, mapping={"until": until - (at - now), "at": now})

    async def take_over(self) -> None:
        await super().take_over()
        await self.engine.take_over()

    async def accept(
        self, event: Event, targets: Sequence[Target], *, completes: bool = False, unasked: bool = False
    ) -> Accepted:
        async with self._turn:
            answer = await super().accept(event, targets, completes=completes, unasked=unasked)
            if answer.status in ("elsewhere", "fuller"):
                return answer
            engine = await self.engine.accept(event, targets, completes=completes)
            agree(f"accept of {event.name}", engine, answer)
            await self.compare(f"accept of {event.name} {event.subject}")
            return answer

    async def claim(
        self, channel: str, limit: int, quiet: Mapping[str, Window] = MappingProxyType({}), **options: Any
    ) -> Claimed:
        claimed = await super().claim(channel, 200, quiet, **options)
        ours = await self.engine.claim(channel, 200, quiet)
        both = {delivery.id: facts_of(delivery) for delivery in claimed.deliveries}
        for delivery in ours.deliveries:
            for name, value in facts_of(delivery).items():
                agree(f"claim of {delivery.id}, {name}", value, both.get(delivery.id, {}).get(name))
        agree(f"claim of {channel}", {one.id for one in ours.deliveries}, {*both})
        engines = {delivery.id: delivery for delivery in ours.deliveries}
        self._theirs |= {delivery.lease: engines[delivery.id] for delivery in claimed.deliveries}
        await self.compare(f"claim of {channel}")
        return claimed

    async def _both(self, verb: str, delivery: Delivery, *args: Any, **options: Any) -> bool:
        answer: bool = await getattr(super(), verb)(delivery, *args, **options)
        theirs = self._theirs[delivery.lease]
        agree(f"{verb} of {delivery.id}", await getattr(self.engine, verb)(theirs, *args, **options), answer)
        await self.compare(f"{verb} of {delivery.id}")
        return answer

    async def mark_sending(self, delivery: Delivery) -> bool:
        return await self._both("mark_sending", delivery)

    async def extend(self, delivery: Delivery) -> bool:
        return await self._both("extend", delivery)

    async def release(self, delivery: Delivery, delay: float = 0.0, probes_in: float | None = None) -> bool:
        return await self._both("release", delivery, delay, probes_in)

    async def silence(self, delivery: Delivery, hold: Hold) -> bool:
        return await self._both("silence", delivery, hold)

    async def complete(self, delivery: Delivery, receipt: Receipt, sent: Notification | None = None) -> bool:
        return await self._both("complete", delivery, receipt)

    async def reschedule(
        self, delivery: Delivery, delay: float, error: str, *, holds: Sequence[Pause] = (), **flags: Any
    ) -> bool:
        return await self._both("reschedule", delivery, delay, error, holds=holds, **flags)

    async def dead_letter(self, delivery: Delivery, reason: str, error: str, *, bounce: str = "") -> bool:
        return await self._both("dead_letter", delivery, reason, error, bounce=bounce)

    def both(self, theirs: Any, ours: Any) -> "Both":
        return Both(self, theirs, ours)

    async def compare(self, after: str) -> None:
        """Compare the ledgers."""
        ours = {name: count for name, count in self.engine.shared.memory.counts.items() if count}
        row = await self.redis.hgetall("{relay}:ledger")
        theirs = {name.decode(): int(count) for name, count in row.items() if int(count)}
        differ = {name for name in {*ours, *theirs} if ours.get(name, 0) != theirs.get(name, 0)}
        agree(f"ledger after {after}", {name: ours.get(name, 0) for name in differ},
              {name: theirs.get(name, 0) for name in differ})  # fmt: skip


async def _nothing() -> None:
    """Nobody comes between."""


class Both:
    """What reads or changes both stores of a twin, and must find the same."""

    def __init__(self, store: Twin, theirs: Any, ours: Any) -> None:
        self._store, self._theirs, self._ours = store, theirs, ours

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        async def call(*args: Any, **options: Any) -> Any:
            theirs = await getattr(self._theirs, name)(*args, **options)
            ours = await getattr(self._ours, name)(*args, **options)
            if name not in UNLIKE and not isinstance(self._theirs, Admin):
                agree(f"{type(self._theirs).__name__}.{name}{args}", plain(ours), plain(theirs))
            await self._store.compare(f"{type(self._theirs).__name__}.{name}")
            return theirs

        return call


def plain(answer: Any) -> Any:
    """Return an answer without its classes, which are not the same."""
    return to_jsonable_python(answer, fallback=str)


UNLIKE = ("read", "lift", "announce")  # a version, or of what a crash leaves
