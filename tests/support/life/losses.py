"""A process's store whose calls and answers get lost, and which keeps a record of what Redis did all the same."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any

from redis.asyncio import Redis

from relay.domain.deliveries import Accepted, Target
from relay.domain.events import Event
from relay.errors import StoreUnavailable
from relay.store import Store, plan
from relay.store.admin import Ledger
from relay.store.bundles import Bundles
from relay.store.client import Scripts
from relay.store.keys import LEDGER
from tests.support.life.record import Record


class LossyScripts(Scripts):
    """Every call may be lost on its way there, or its answer on the way back. After each, the ledger must add up."""

    def __init__(self, redis: Redis, clock: Callable[[], float], pick: Random, losses: float) -> None:
        super().__init__(redis, clock)
        self._pick = pick
        self.losses = losses
        self.ledger: Mapping[str, int] = {}  # after the newest call
        self.answer: Any = None  # the newest, be it lost or not

    async def run(self, name: str, args: Sequence[str | bytes | int], replicas: int = 0) -> Any:
        if self._pick.random() < self.losses:
            raise StoreUnavailable("lost on its way there")
        self.answer = await super().run(name, args, replicas)
        if self._pick.random() < self.losses:
            raise StoreUnavailable("the answer was lost")
        return self.answer

    async def _evaluate(self, command: str, script: str, rest: Sequence[Any], replicas: int) -> Any:
        """With a look at the ledger, which costs no round trip of its own."""
        async with self._redis.pipeline(transaction=False) as pipeline:
            (pipeline.evalsha if command == "EVALSHA" else pipeline.eval)(script, 1, *rest)
            pipeline.hgetall(LEDGER)
            answer, row = await pipeline.execute()
        ledger = Ledger({name.decode(): int(count) for name, count in row.items()})
        self.ledger = ledger.counts
        assert ledger.imbalance == 0, f"after {rest[3:]}: {ledger.counts}"
        assert ledger.counts.get("pending", 0) >= 0
        return answer


class LifeStore(Store):
    """A store that tells the record what was accepted, whether or not the answer arrives."""

    def __init__(
        self,
        redis: Redis,
        record: Record,
        pick: Random,
        meanwhile: Callable[[], Awaitable[None]],
        *,
        losses: float,
        clock: Callable[[], float],
        **options: Any,
    ) -> None:
        """`meanwhile` is what others do between the look at what is known of an event and its accept."""
        super().__init__(redis, clock=clock, **options)
        self._meanwhile = meanwhile
        self.scripts: LossyScripts = LossyScripts(redis, clock, pick, losses)
        self.bundles = Bundles(redis, self.scripts)
        self._record = record
        self._accepting = asyncio.Lock()

    async def accept(self, event: Event, targets: Sequence[Target], *, completes: bool = False) -> Accepted:
        await self._meanwhile()
        async with self._accepting:
            self.scripts.answer = None
            try:
                return await super().accept(event, targets, completes=completes)
            finally:
                if self.scripts.answer is not None:
                    answer = plan.accepted(self.scripts.answer[0])
                    assert isinstance(answer, Accepted), answer
                    self._record.accepted(event, targets, answer)
