"""What an operation leaves in Redis while it runs, at its end, and once its documents are gone."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.store.lives import RUN, Lives, live_and_mail
from benchmarks.store.servers import SMALL, opened
from relay.store import Store
from relay.store.runs import Runs
from tests.support.redis_server import RedisServer

IDS = "ids"  # the kind of key, and the field of an operation, that holds ids of events; all else is the operation's
OPERATION = b"{relay}:operation:"
DOCUMENTS_KEPT = 3 * 86_400 + 60  # seconds


@dataclass(frozen=True, slots=True)
class OperationCost:
    when: str
    total: float  # bytes of an operation, beyond the ids of its events
    kinds: dict[str, int] = field(default_factory=dict)  # the same by kind of key, the largest first


async def usage(store: Store) -> Counter[str]:
    """Bytes by kind of key, which is the first word of its name; the ids in the record of an operation count as ids."""
    keys = [key async for key in store.redis.scan_iter(count=1000)]
    async with store.redis.pipeline(transaction=False) as pipeline:
        for key in keys:
            pipeline.memory_usage(key, samples=0)
        sizes = await pipeline.execute()
    operations = [key for key in keys if key.startswith(OPERATION)]
    async with store.redis.pipeline(transaction=False) as pipeline:
        for key in operations:
            pipeline.hstrlen(key, IDS)
        ids = sum(await pipeline.execute())
    kinds: Counter[str] = Counter()
    for key, size in zip(keys, sizes, strict=True):
        kinds[key.decode().split(":")[1]] += size or 0  # None: it has expired meanwhile
    kinds.update({"operation": -ids, IDS: ids})
    return kinds


async def operation_costs(operations: int, binary: Path | None) -> list[OperationCost]:
    """Runs of 21 events, all delivered: a live message, and a mail at the end."""
    half = len(RUN) // 2
    with RedisServer(binary, **SMALL) as server:
        async with opened(server) as (store, clock):
            await Lives(store, clock, RUN[:half], operations, 1).tell(live_and_mail, deliver=True)
            running = _cost(f"runs, after {half} events", await usage(store), operations)
            await Lives(store, clock, RUN[half:], operations, 1).tell(live_and_mail, deliver=True)
            ended = _cost(f"finished, {len(RUN)} events", await usage(store), operations)
            clock.advance(DOCUMENTS_KEPT)
            while await Runs(store).trim(100):
                pass
            return [running, ended, _cost("3 days later", await usage(store), operations)]


def _cost(when: str, sizes: Counter[str], operations: int) -> OperationCost:
    each = {kind: size / operations for kind, size in sizes.most_common() if kind != IDS}
    return OperationCost(when, sum(each.values()), {kind: round(size) for kind, size in each.items() if size >= 1})
