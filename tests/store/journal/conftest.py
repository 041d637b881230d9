"""An empty Redis for each test, and processes of relay that share a partition on it."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest
from redis.asyncio import Redis

from relay.engine.state import Record
from relay.engine.step import step as engine_step
from relay.store.client import connect
from relay.store.journal.batch import Rules
from relay.store.journal.codec import Codec
from relay.store.journal.partition import Partition
from relay.store.journal.scripts import Scripts
from tests.store.journal.proxy import Proxy, proxy
from tests.store.journal.toy import KINDS, Settings, step
from tests.support.memory import Memory
from tests.support.redis_server import RedisServer
from tests.support.waiting import until

P = "{relay}:"
ENGINE = engine_step.__module__.rpartition(".")[0]  # all of which is imported with its step
RECORDS = [kind for kind in Record.__subclasses__() if kind.__module__.startswith(f"{ENGINE}.")]


@pytest.fixture
async def redis(redis_server: RedisServer) -> AsyncIterator[Redis]:
    redis = connect(redis_server.url)
    await redis.flushall()
    yield redis
    await redis.aclose()


@pytest.fixture
def scripts(redis: Redis) -> Scripts:
    return Scripts(redis)


class Process:
    """A process of relay, with a monotonic clock that the test may put forward."""

    def __init__(self, url: str, name: str, **options: Any) -> None:
        self.ahead = 0.0
        self.redis = connect(url)
        codec = Codec(KINDS)
        given = {name: options.pop(name) for name in ("needs", "take_over") if name in options}
        rules = Rules(options.pop("step", step), codec, **given)
        settings = options.pop("settings", Settings())
        options = {"process": name, "alone": True, "monotonic": self.monotonic} | options
        self.partition = Partition(self.redis, rules, settings, **options)
        self.submit = self.partition.submit

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    async def start(self, *, owns: bool = True) -> "Process":
        self.partition.start()
        if owns:
            await until(lambda: self.partition.owns)
        return self

    async def die(self) -> None:
        """End at once, wherever it is, as by SIGKILL."""
        tasks = self.partition._tasks
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.redis.connection_pool.disconnect()
        await self.redis.aclose()


Open = Callable[..., Process]


@pytest.fixture
async def open_process(redis: Redis, redis_server: RedisServer) -> AsyncIterator[Open]:
    opened: list[Process] = []

    def open_one(name: str = "a", url: str = "", **options: Any) -> Process:
        opened.append(Process(url or redis_server.url, name, **options))
        return opened[-1]

    yield open_one
    for process in opened:
        await process.die()


@pytest.fixture
async def between(redis_server: RedisServer) -> AsyncIterator[Proxy]:
    async with proxy(redis_server) as between:
        yield between


@pytest.fixture
async def shared(redis: Redis) -> None:
    """Several processes, which have been there for a while: who comes first may own the partition."""
    seconds, _ = await redis.time()
    await redis.zadd(P + "pulses", {"": seconds * 1000 - 60_000, "another": seconds * 1000 - 1_000})


async def ledger(redis: Redis) -> dict[str, int]:
    return {name.decode(): int(count) for name, count in (await redis.hgetall(P + "ledger")).items()}


def kept(memory: Memory) -> dict[str, Any]:
    """Return what a state holds."""
    indexes = {name: index.scores for name, index in memory.indexes.items() if index.scores}
    logs = {name: [*lines] for name, lines in memory.logs.items()}
    logs |= {name: [line for *_, line in rows] for name, rows in memory.streams.items()}
    tables = {name: dict(fields) for name, fields in memory.tables.items()}
    return {"records": memory.records, "tables": tables, "indexes": indexes, "logs": logs, "ledger": memory.counts}


async def stored(redis: Redis, codec: Codec, kinds: Iterable[type[Record]]) -> dict[str, Any]:
    """Return the same of what Redis holds."""
    found: dict[str, Any] = {"records": {}, "tables": {}, "indexes": {}, "logs": {}, "ledger": {}}
    for full in await redis.keys("*"):
        key = full.decode().removeprefix(P)
        match await redis.type(full):
            case b"string":
                for kind in kinds:
                    if kind.PREFIX and key.startswith(kind.PREFIX):
                        name = key.removeprefix(kind.PREFIX)
                        found["records"][key] = codec.read_record(kind, name, await redis.get(full), key)
            case b"hash" if key == "ledger":
                found["ledger"] = await ledger(redis)
            case b"hash":
                found["tables"][key] = {name.decode(): value for name, value in (await redis.hgetall(full)).items()}
            case b"zset" if key != "pulses":
                rows = await redis.zrange(full, 0, -1, withscores=True)
                found["indexes"][key] = {name.decode(): int(score) for name, score in rows}
            case b"list":
                found["logs"][key] = await redis.lrange(full, 0, -1)
            case b"stream" if key != "inbox":
                found["logs"][key] = [fields[b"r"] for _, fields in await redis.xrange(full)]
    return found
