"""Print what 100,000 operations take: Redis's memory and its append-only file, while they run, once over, and later.

Each is told in 21 events, and has a live message and a mail, all delivered, through the store's own methods. Fewer are
measured, and extrapolated: `used_memory` and `aof_current_size` beyond those of an empty Redis.
"""

import argparse
import asyncio
import io
import time
from collections.abc import Sequence

from redis.asyncio import Redis

from benchmarks.store.lives import RUN, Lives, live_and_mail
from benchmarks.store.operations import DOCUMENTS_KEPT
from benchmarks.store.servers import opened
from relay.store.embedded.backup import back_up
from relay.store.runs import Runs
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

BATCH, SCALE = 1, 100_000
OPTIONS = {"appendonly": "yes", "appendfsync": "no", "aof_use_rdb_preamble": "no", "auto_aof_rewrite_percentage": "0",
           "hash_max_listpack_value": "128"}  # fmt: skip


async def figures(operations: int) -> list[tuple[str, float, float]]:
    """When, MB of memory and MB of the append-only file, each for `SCALE` operations; the last is written anew."""
    half = len(RUN) // 2
    with RedisServer(**OPTIONS) as server:
        async with opened(server) as (store, clock):
            empty, rows = await _sizes(store.redis), []

            async def row(when: str) -> None:
                now = await _sizes(store.redis)
                each = SCALE / lives.operations / 1e6
                rows.append((when, (now[0] - empty[0]) * each, (now[1] - empty[1]) * each))

            lives = Lives(store, clock, RUN[:half], operations, BATCH)
            await lives.tell(live_and_mail, deliver=True)
            await row(f"running, after {half} events")
            lives = Lives(store, clock, RUN[half:], operations, BATCH)
            await lives.tell(live_and_mail, deliver=True)
            await row(f"over, after {len(RUN)} events, all told")
            clock.advance(DOCUMENTS_KEPT)
            while await Runs(store).trim(100):
                pass
            await row("three days later")
            began, to = time.perf_counter(), io.BytesIO()
            copied = back_up(server.directory, to, {})
            rate = copied.size / 1e6 / (time.perf_counter() - began)
            print(f"relay backup: {rate:.0f} MB/s, to {to.tell() / copied.size:.0%} of {copied.size / 1e6:.1f} MB")
            await store.redis.bgrewriteaof()
            await until(lambda: _rewritten(store.redis))
            await row("the same, its file written anew")
        return rows


async def _sizes(redis: Redis) -> tuple[int, int]:
    memory, persistence = await redis.info("memory"), await redis.info("persistence")
    return int(memory["used_memory"]), int(persistence["aof_current_size"])


async def _rewritten(redis: Redis) -> bool:
    state = await redis.info("persistence")
    return not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser("python -m benchmarks.store.memory", description=__doc__)
    parser.add_argument("--operations", type=int, default=1000, help="how many are measured (1000)")
    given = parser.parse_args(arguments)
    print(f"for {SCALE:,} operations, of {given.operations:,} measured:")
    for when, memory, log in asyncio.run(figures(given.operations)):
        print(f"{when:40} {memory:8,.0f} MB of memory {log:8,.0f} MB of file")


if __name__ == "__main__":
    main()
