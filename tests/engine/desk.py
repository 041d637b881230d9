"""A partition that questions are asked of: decided in memory, and read there or as Redis has it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from redis.asyncio import Redis

from relay.domain.deliveries import Accepted, Delivery, Target
from relay.domain.events import Event
from relay.engine.intake import Report
from relay.engine.posted import Arrived
from relay.engine.receipts import Failed, GiveUp, Mark
from relay.engine.step import step
from relay.engine.take import Take
from relay.policy.presentation import presentation_for
from relay.store.journal.codec import Codec
from relay.store.journal.scripts import Scripts
from relay.store.journal.writes import encode
from relay.store.queries.reader import Reader
from tests.support.clock import Clock
from tests.support.memory import Memory
from tests.support.memory_reader import MemoryReader
from tests.support.memory_store import Configured

PREFIX = "{relay}:"


class Desk:
    """What steps decide is written to Redis as well, where there is one: each line of a stream at the test's time."""

    def __init__(self, redis: Redis | None = None) -> None:
        self.clock = Clock()
        self.memory = Memory()
        self.settings = Configured()
        self.codec = Codec()
        self.redis = redis
        self.reader: Reader = MemoryReader(self.memory, self.ms) if redis is None else _Reader(redis, self)
        self._tickets = 0

    def ms(self) -> int:
        return int(self.clock() * 1000)

    async def submit(self, entry: Any) -> Any:
        now = self.ms()
        self.memory.forget(now)
        changes, answer = step(self.memory, entry, now, self.settings)
        self.memory.apply(changes, now)
        for command, key, rest in encode(changes, self.codec)[0] if self.redis else ():
            if command == "EXPIRED":  # by Redis's own clock, which is years later
                continue
            if command == "COUNT":  # the script's
                for name, by in zip(rest[::2], rest[1::2], strict=True):
                    await self.redis.hincrby(PREFIX + key, name, by)  # type: ignore[union-attr]
                continue
            dated = [f"{now}-*" if command == "XADD" and part == "*" else part for part in rest]
            await self.redis.execute_command(command, PREFIX + key, *dated)  # type: ignore[union-attr]
        return answer

    async def accept(self, event: Event, *targets: Target) -> Accepted:
        presented = [replace(target, presentation=presentation_for(event), hold=0.0, group=0.0) for target in targets]
        accepted: Accepted = await self.submit(Report(event, presented))
        return accepted

    async def report(self, *reported: Event) -> None:
        """Report these, a second apart, to whom no rule sends them."""
        for event in reported:
            await self.submit(Report(event))
            self.clock.advance(1)

    async def take(self, channel: str = "slack") -> Sequence[Delivery]:
        self._tickets += 1
        taken = await self.submit(Take(channel, 20, f"{self._tickets}"))
        return taken.deliveries  # type: ignore[no-any-return]

    async def take_one(self, channel: str = "slack") -> Delivery:
        (delivery,) = await self.take(channel)
        return delivery

    async def send(self, channel: str = "slack", detail: str = "C1/1.1") -> Delivery:
        sent = await self.take_one(channel)
        await self.settle(Mark, sent)
        receipt = {"channel": "C1", "ts": "1.1"} if channel == "slack" else {}
        await self.settle(Arrived, sent, receipt=receipt, detail=detail, new=not sent.thread)
        return sent

    async def bury(self, channel: str = "slack", reason: str = "rejected") -> Delivery:
        dies = await self.take_one(channel)
        await self.settle(GiveUp, dies, reason=reason, error="channel_not_found")
        return dies

    async def fail(self, delivery: Delivery, seconds: float, error: str, **flags: Any) -> None:
        await self.settle(Mark, delivery)
        await self.settle(Failed, delivery, delay=int(seconds * 1000), error=error, **flags)

    async def settle(self, kind: Callable[..., Any], delivery: Delivery, **of: Any) -> None:
        assert await self.submit(kind(delivery.id, delivery.ticket, delivery.lane, **of))


class _Reader(Reader):
    """By the test's clock: Redis's own is years later."""

    def __init__(self, redis: Redis, desk: Desk) -> None:
        super().__init__(Scripts(redis), desk.codec, PREFIX)
        self._desk = desk

    async def now(self) -> int:
        assert await super().now() > self._desk.ms()
        return self._desk.ms()


async def every(page: Callable[..., Any], *args: Any, **of: Any) -> list[Any]:
    """Return the rows of all pages."""
    found = await page(*args, **of)
    rows = [*found.rows]
    while found.cursor:
        found = await page(*args, cursor=found.cursor, **of)
        rows += found.rows
    return rows
