"""Senders and a worker that use a store all the time, whatever happens to its Redis; what is refused is sent again."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from relay.config import parse_config
from relay.domain.deliveries import Delivery
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
# They live in all partitions, each in another one than most of what it is told of.
READERS = [f"reader-{number}@example.com" for number in range(40)]
PACE = 0.02  # seconds between two events of a sender
BACK_OFF = 0.02  # seconds until what was refused is sent again
CONFIG = """
redis: {url: "%s", partitions: %s, durability: %s}
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels: {email: {host: localhost, from: relay@example.com}}
destinations: {analysts: {email: [%s]}}
rules: []
"""


@dataclass
class Load:
    """Record of what was acknowledged, what was sent on, and what was refused meanwhile."""

    store: Store
    health: Health
    acknowledged: list[str] = field(default_factory=list)
    sent: Counter[str] = field(default_factory=Counter)  # by operation
    unknown: set[str] = field(default_factory=set)  # operations whose delivery was claimed after an unknown outcome
    refusals: set[str] = field(default_factory=set)
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
        await until(lambda: {*self.acknowledged} <= self.sent.keys())

    async def forgotten(self) -> list[str]:
        """Return what was acknowledged, and is not known any more."""
        return [name for name in self.acknowledged if not await self.store.known(name)]

    def __str__(self) -> str:
        lost = {*self.acknowledged} - self.sent.keys()
        return (
            f"{len(self.acknowledged)} events acknowledged, {len(lost)} lost; "
            f"{len(self.repeated)} told twice, {len(self.unknown)} unknown outcomes; "
            f"accepted again after {self.longest:.1f} s at most"
        )

    @property
    def repeated(self) -> set[str]:
        """Return what was sent on more than once without an unknown outcome."""
        return {name for name, times in self.sent.items() if times > 1} - self.unknown

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
                deliveries = (await self.store.claim("email", 20, idle=1.0)).deliveries
            except StoreUnavailable:
                deliveries = ()
            await asyncio.gather(*map(self._deliver, deliveries))
            await asyncio.sleep(PACE if deliveries else BACK_OFF)

    async def _taken(self, name: str) -> bool:
        refusal = await self.health.obstacle()
        if not refusal:
            try:
                reader = READERS[sum(map(ord, name)) % len(READERS)]
                await self.store.accept(events.completed(operationId=name), [mail(reader)])
            except StoreUnavailable as error:
                refusal = str(error)
        if refusal:
            self.refusals.add(refusal)
        return not refusal

    async def _deliver(self, delivery: Delivery) -> None:
        if delivery.unknown:
            self.unknown.add(delivery.event.subject)
        if await self._until_stored(lambda: self.store.mark_sending(delivery)):
            self.sent[delivery.event.subject] += 1
            await self._until_stored(lambda: self.store.complete(delivery, POSTED))

    async def _until_stored(self, change: Callable[[], Awaitable[bool]]) -> bool:
        for _ in range(500):
            try:
                return await change()
            except StoreUnavailable:
                await asyncio.sleep(BACK_OFF)
        return False


@contextlib.asynccontextmanager
async def load(url: str, durability: str = "replicated", partitions: int = 1) -> AsyncIterator[Load]:
    config = parse_config(CONFIG % (url, partitions, durability, ", ".join(READERS)), env={}, channels={"email": Mail})
    store = Store.open(url, worker="w", partitions=partitions)
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
