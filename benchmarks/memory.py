"""What finished operations cost Redis: bytes of each at its end, and once its documents are gone.

    python -m benchmarks.memory [OPERATIONS]

Each has 21 events of the API's own documents, a live message and a mail. MEMORY USAGE of its keys, all delivered.
"""

import asyncio
import sys
from collections import Counter

from relay.domain.deliveries import Receipt
from relay.store import Store
from relay.store.runs import Runs
from tests.support import events
from tests.support.clock import Clock
from tests.support.redis_server import RedisServer
from tests.support.targets import mail, team

DAY = 86_400
PERCENTAGES = range(0, 95, 5)


async def finished(store: Store, clock: Clock, name: str) -> None:
    """One operation from its start to its end, told everywhere."""
    running = [events.progress(percentage, operationId=name) for percentage in PERCENTAGES]
    for event in (events.started(operationId=name), *running, events.completed(operationId=name)):
        await store.accept(event, [team(), mail()] if event.terminal else [team()])
        clock.advance(60)
        for channel in ("slack", "email"):
            for delivery in (await store.claim(channel, 50)).deliveries:
                await store.mark_sending(delivery)
                await store.complete(delivery, Receipt("C1/1.1", {"channel": "C1", "ts": f"1.{name}"}))


async def usage(store: Store) -> Counter[str]:
    """Bytes by kind of key."""
    sizes: Counter[str] = Counter()
    async for key in store.redis.scan_iter(count=1000):
        sizes[key.decode().split(":")[1]] += await store.redis.memory_usage(key, samples=0) or 0
    return sizes


async def main(operations: int) -> None:
    clock = Clock()
    with RedisServer() as server:
        store = Store.open(server.url, worker="benchmark", clock=clock)
        await store.prepare()
        for number in range(operations):
            await finished(store, clock, f"op-{number}")
        report("at its end", await usage(store), operations)
        clock.advance(3 * DAY + 60)
        while await Runs(store).trim(100):
            pass
        report("3 days later", await usage(store), operations)
        await store.aclose()


def report(when: str, sizes: Counter[str], operations: int) -> None:
    each = {kind: size / operations for kind, size in sizes.most_common() if size / operations >= 1}
    print(f"{when}: {sum(each.values()):.0f} bytes an operation", {kind: round(size) for kind, size in each.items()})


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 200))
