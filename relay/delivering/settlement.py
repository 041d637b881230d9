"""Steps of the store that are repeated for as long as Redis is away: only the worker knows their outcome."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

from relay.domain.deliveries import Delivery
from relay.errors import StoreUnavailable
from relay.outage import Outage
from relay.store import Store

REDIS_PAUSE = 0.25  # seconds between two tries while Redis is away


class Settlement:
    """Tasks whose outcome is being stored."""

    def __init__(self, store: Store, outage: Outage) -> None:
        self._store = store
        self._outage = outage
        self._tasks: set[asyncio.Task[Any] | None] = set()
        self._waiting = Counter[int]()  # how many of them have met a Redis that is away, by partition

    def __contains__(self, task: asyncio.Task[Any]) -> bool:
        return task in self._tasks

    def stuck(self) -> list[int]:
        """Return the partitions where a claim might take over what is known to have arrived."""
        return [partition for partition, count in self._waiting.items() if count]

    async def until_stored(self, delivery: Delivery, step: Callable[[], Awaitable[bool]]) -> bool:
        """Repeat a step until Redis has answered it."""
        task, waits = asyncio.current_task(), False
        partition = self._store.partitions.of(delivery.id).number
        self._tasks.add(task)
        try:
            while True:
                try:
                    return await step()
                except StoreUnavailable as error:
                    self._outage.failed(str(error))
                    self._waiting[partition] += not waits
                    waits = True
                    await asyncio.sleep(REDIS_PAUSE)
        finally:
            self._tasks.discard(task)
            self._waiting[partition] -= waits
