"""How long a server takes to come back with many operations in its log, and what they take of its memory."""

import time
from dataclasses import dataclass
from pathlib import Path

from redis.asyncio import Redis

from benchmarks.store.lives import SHORT_RUN, Lives
from benchmarks.store.operations import IDS, usage
from benchmarks.store.servers import logged, opened
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

BATCH = 64


@dataclass(frozen=True, slots=True)
class Restart:
    """Of a server with so many finished operations: a start and an outcome each, of which nobody heard."""

    operations: int
    memory: float  # bytes of the server for each operation, all included
    ids: float  # bytes of the ids of an event
    log: float  # MB, as it grew event by event
    seconds: float  # until it answers
    rewritten_log: float  # MB
    rewritten_seconds: float


async def restart(operations: int, binary: Path | None) -> Restart:
    with logged(binary, "no") as server:
        async with opened(server) as (store, clock):
            empty = await _info(store.redis, "memory", "used_memory")
            lives = Lives(store, clock, SHORT_RUN, operations, BATCH)
            await lives.tell()
            memory = (await _info(store.redis, "memory", "used_memory") - empty) / lives.operations
            ids = (await usage(store))[IDS] / lives.events
            log = await _info(store.redis, "persistence", "aof_current_size")
        seconds = _timed_restart(server)
        async with opened(server) as (store, _):
            await store.redis.bgrewriteaof()
            await until(lambda: _rewritten(store.redis))
            rewritten_log = await _info(store.redis, "persistence", "aof_current_size")
        return Restart(
            operations=lives.operations,
            memory=memory,
            ids=ids,
            log=log / 1e6,
            seconds=seconds,
            rewritten_log=rewritten_log / 1e6,
            rewritten_seconds=_timed_restart(server),
        )


def _timed_restart(server: RedisServer) -> float:
    server.stop()
    began = time.perf_counter()
    server.start()
    return time.perf_counter() - began


async def _info(redis: Redis, section: str, name: str) -> int:
    return int((await redis.info(section))[name])


async def _rewritten(redis: Redis) -> bool:
    state = await redis.info("persistence")
    return not state["aof_rewrite_in_progress"] and not state["aof_rewrite_scheduled"]
