"""A process's store whose calls and answers get lost, and which keeps a record of what Redis did all the same."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from random import Random
from typing import Any

from redis.asyncio import Redis

from relay.domain.deliveries import Accepted, Delivery, Target
from relay.domain.events import Event
from relay.errors import StoreUnavailable
from relay.store import Store, accepting
from relay.store.client import Scripts
from relay.store.keys import PREFIX, operation
from relay.store.ledger import Ledger
from tests.support.life.record import Letter, Record

Applied = Callable[[Letter, Mapping[str, str]], None]


def batched(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    return zip(words[::2], words[1::2], strict=True)


class LossyScripts(Scripts):
    """Every call may be lost on its way there, or its answer on the way back. After each, the ledger must add up."""

    def __init__(self, redis: Redis, clock: Callable[[], float], pick: Random, losses: float, applied: Applied) -> None:
        super().__init__(redis, clock)
        self._applied = applied
        self._pick = pick
        self.losses = losses
        self.ledgers: dict[str, Mapping[str, int]] = {}  # of each partition, after the newest call there
        self.answers: dict[str, Any] = {}  # of each script the newest, be it lost or not

    @property
    def pending(self) -> int:
        return sum(ledger.get("pending", 0) for ledger in self.ledgers.values())

    async def run(
        self, name: str, args: Sequence[str | bytes | int], replicas: int = 0, *, prefix: str = PREFIX
    ) -> Any:
        if self._pick.random() < self.losses:
            raise StoreUnavailable("lost on its way there")
        answer = self.answers[name] = await super().run(name, args, replicas, prefix=prefix)
        if args[:1] == ("apply",):
            for number, _, *held in answer[1:]:
                words = [word.decode() for word in held]
                self._applied((int(args[1]), int(prefix[len("{relay-") : -2]), number), dict(batched(words)))
        if self._pick.random() < self.losses:
            raise StoreUnavailable("the answer was lost")
        return answer

    async def _evaluate(self, redis: Redis, command: str, script: str, rest: Sequence[Any], replicas: int) -> Any:
        """With a look at the ledger, which costs no round trip of its own."""
        ledger_key = rest[0]
        async with redis.pipeline(transaction=False) as pipeline:
            (pipeline.evalsha if command == "EVALSHA" else pipeline.eval)(script, 2, *rest)
            pipeline.hgetall(ledger_key)
            answer, row = await pipeline.execute()
        ledger = Ledger({name.decode(): int(count) for name, count in row.items()})
        self.ledgers[ledger_key] = ledger.counts
        assert ledger.imbalance == 0, f"after {rest[4:]}: {ledger.counts}"
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
        self.scripts = LossyScripts(redis, clock, pick, losses, record.applied)
        super().__init__(redis, clock=clock, scripts=self.scripts, **options)
        self._letters.patience = None  # how busy the machine is decides nothing
        self._meanwhile = meanwhile
        self._record = record
        self._accept_lock = asyncio.Lock()

    @property
    def pending(self) -> int:
        return self.scripts.pending

    async def leased(self) -> bool:
        return bool(await self.redis.keys("*:leases"))

    async def kind_of(self, delivery: Delivery) -> str:
        """Return what kind a delivery is by now; '' where it is over."""
        where = self.partitions.of(delivery.id)
        return (await self.redis.hget(where.key(f"delivery:{delivery.id}"), "kind") or b"").decode()

    async def settled(self, settle: Callable[[], Awaitable[bool]]) -> bool:
        """Settle one; `was_settled` says what Redis did, whether or not the answer arrives."""
        self.scripts.answers.pop("settle", None)
        return await settle()

    @property
    def was_settled(self) -> bool:
        return self.scripts.answers.get("settle", ())[:1] == [b"ok"]

    async def accept(
        self, event: Event, targets: Sequence[Target], *, completes: bool = False, unasked: bool = False
    ) -> Accepted:
        await self._meanwhile()
        async with self._accept_lock:
            self.scripts.answers.pop("accept", None)
            accepted: Accepted | None = None
            try:
                accepted = await super().accept(event, targets, completes=completes, unasked=unasked)
            finally:
                if "accept" in self.scripts.answers:
                    answer = accepting.accepted(self.scripts.answers["accept"][0])
                    assert isinstance(answer, Accepted), answer
                    self._told(event, targets, answer, accepted)
            return accepted

    def _told(self, event: Event, targets: Sequence[Target], answer: Accepted, whole: Accepted | None) -> None:
        """Return what Redis answered; what is still to be heard of in other partitions is told by these."""
        source = self.partitions.of(operation(event.subject, event.space(event.subject))).number
        self._record.accepted(event, targets, whole or answer)
        for home, number in answer.letters:
            self._record.written((source, home, number), event)
