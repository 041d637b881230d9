"""Senders and a worker that use a store all the time, whatever happens to its Redis; what is refused is sent again."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from relay.config import parse_config
from relay.domain.deliveries import Delivery
from relay.engine.names import operation
from relay.engine.records import Operation
from relay.errors import StoreUnavailable
from relay.health import Health
from relay.shutdown import cancelled
from relay.store import Store
from tests.support import events
from tests.support.configuration import Mail
from tests.support.queue import POSTED
from tests.support.targets import mail
from tests.support.waiting import until

SENDERS = 4
PACE = 0.02  # seconds between two events of a sender
BACK_OFF = 0.02  # seconds until what was refused is sent again
CONFIG = """
redis: {url: "%s", durability: replicated}
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels: {email: {host: localhost, from: relay@example.com}}
destinations: {analysts: {email: [analyst@example.com]}}
rules: []
"""


@dataclass
class Load:
    """Record of what was acknowledged and what was sent on."""

    store: Store
    health: Health
    acknowledged: list[str] = field(default_factory=list)
    sent: set[str] = field(default_factory=set)  # operations
    longest: float = 0.0  # seconds from one accepted event to the next
    _last: float = 0.0
    _ending: bool = False

    async def more(self, count: int) -> None:
        """Returns after so many more events were acknowledged."""
        goal = len(self.acknowledged) + count
        await until(lambda: len(self.acknowledged) >= goal)

    async def end(self) -> None:
        """Stops the senders; returns when all that was acknowledged is sent on."""
        self._ending = True
        await until(lambda: {*self.acknowledged} <= self.sent)

    async def forgotten(self) -> list[str]:
        """Return what was acknowledged, and is not known any more."""
        found = await self.store.reader.records(Operation, [operation(name) for name in self.acknowledged])
        return [name for name, record in zip(self.acknowledged, found, strict=True) if record is None]

    async def send(self, sender: int) -> None:
        number = 0
        while not self._ending:
            number += 1
            name = f"op-{sender}-{number}"
            while not await self._taken(name):
                await asyncio.sleep(BACK_OFF)
                if self._ending:
                    return
            moment = time.monotonic()
            self.longest = max(self.longest, moment - (self._last or moment))
            self._last = moment
            self.acknowledged.append(name)
            await asyncio.sleep(PACE)

    async def work(self) -> None:
        while True:
            try:
                deliveries = (await self.store.claim("email", 20)).deliveries
            except StoreUnavailable:
                deliveries = ()
            await asyncio.gather(*map(self._deliver, deliveries))
            await asyncio.sleep(PACE if deliveries else BACK_OFF)

    async def _taken(self, name: str) -> bool:
        if await self.health.obstacle():
            return False
        with contextlib.suppress(StoreUnavailable):
            await self.store.report(events.completed(operationId=name), [mail()])
            return True
        return False

    async def _deliver(self, delivery: Delivery) -> None:
        if await self._until_stored(lambda: self.store.mark_sending(delivery)):
            self.sent.add(delivery.event.subject)
            await self._until_stored(lambda: self.store.complete(delivery, POSTED))

    async def _until_stored(self, change: Callable[[], Awaitable[bool]]) -> bool:
        for _ in range(500):
            try:
                return await change()
            except StoreUnavailable:
                await asyncio.sleep(BACK_OFF)
        return False


@contextlib.asynccontextmanager
async def load(url: str) -> AsyncIterator[Load]:
    config = parse_config(CONFIG % url, env={}, channels={"email": Mail})
    store = Store.open(url, process="w")
    using = Load(store, Health(store, lambda: config, clock=time.time))
    await using.health.prepare()
    workers = [asyncio.create_task(using.health.watch()), asyncio.create_task(using.work())]
    senders = [asyncio.create_task(using.send(number)) for number in range(SENDERS)]
    try:
        yield using
    finally:
        using._ending = True
        for task in (*workers, *senders):
            await cancelled(task)
        await store.aclose()
