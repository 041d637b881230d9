"""What a Redis can promise: each of its primaries is looked at, and the weakest decides."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from relay.errors import ConfigError, Problem
from relay.store.client import Durability, Promise, call
from relay.store.keys import SCHEMA, SCHEMA_VERSION
from relay.store.owners import servers
from relay.store.sentinel import inspected
from relay.store.succession import drop_connections, successors

OLDEST = 7  # scripts with flags


@dataclass(frozen=True, slots=True)
class _Server:
    """One primary, as it describes itself. `where` is its address if there may be several."""

    where: str
    redis: Redis
    software: Mapping[str, Any]
    memory: Mapping[str, Any]
    replication: Mapping[str, Any]
    fsync: bool  # every write is on disk before it is answered

    @property
    def replicas(self) -> int:
        return successors(self.replication) if self.where else int(self.replication.get("connected_slaves", 0))

    @property
    def prefix(self) -> str:
        return f"{self.where}: " if self.where else ""


async def inspect(redis: Redis, requested: Durability, replicas: int) -> Promise:
    """What this Redis can promise. Raises ConfigError for one that relay must not run on."""
    looked_at = await asyncio.gather(*(_look(where, server) for where, server in await call(servers(redis))))
    version = await call(redis.get(SCHEMA))
    problems = [problem for server in looked_at for problem in _problems(server)]
    problems += _of_another_layout(version)
    for server in looked_at:
        if server.replication.get("role") == "slave":
            await drop_connections(server.redis)
    if problems:
        raise ConfigError([Problem("redis", problem) for problem in problems])
    always = all(server.fsync for server in looked_at)
    if requested == "auto":
        requested = "replicated" if all(server.replicas for server in looked_at) else "fsync" if always else "memory"
    if requested == "replicated":
        return await _replicated(looked_at, replicas)
    shortfall = ""
    if requested == "fsync" and not always:
        where = next(server.where for server in looked_at if not server.fsync)
        shortfall = (
            f"durability is fsync, but {where or 'Redis'} does not run with appendonly yes and appendfsync always"
        )
    return Promise(requested, 0, shortfall)


async def _replicated(looked_at: Sequence[_Server], replicas: int) -> Promise:
    shortfalls, required = [], replicas
    for server in looked_at:
        own, doubt = await inspected(server.redis, replicas, server.replication)
        if server.replicas < own:
            primary = f" to {server.where}" if server.where else ""
            doubt = doubt or f"durability is replicated to {own}, but {server.replicas} replicas are attached{primary}"
        shortfalls += [doubt] if doubt else []
        required = replicas if server.where else own  # of a Cluster's primaries each goes by its own number
    return Promise("replicated", required, "; ".join(shortfalls))


async def _look(where: str, redis: Redis) -> _Server:
    software, memory, persistence, replication = [
        await call(redis.info(part)) for part in ("server", "memory", "persistence", "replication")
    ]
    fsync = bool(persistence.get("aof_enabled")) and await _setting(redis, "appendfsync") == "always"
    return _Server(where, redis, software, memory, replication, fsync)


def _problems(server: _Server) -> Iterator[str]:
    version = str(server.software.get("redis_version", "7"))
    if int(version.partition(".")[0]) < OLDEST:
        yield f"{server.prefix}this is Redis {version}; its scripts need {OLDEST}.0 or later"
    policy = server.memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield (
            f"{server.prefix}maxmemory-policy is {policy}: Redis would delete queued messages when it is full; "
            "set maxmemory-policy noeviction"
        )
    if server.replication.get("role") == "slave":
        yield f"{server.prefix}this Redis is a read-only replica; use the address of its primary"


def _of_another_layout(version: bytes | None) -> list[str]:
    if version is None or version.decode() == SCHEMA_VERSION:
        return []
    return [
        f"the data is of layout {version.decode()}, this relay reads {SCHEMA_VERSION}: run the release that wrote "
        "it with --role deliver until `relay dead list` and its queues are empty, then use an empty database "
        "(or data_dir)"
    ]


async def _setting(redis: Redis, name: str) -> str:
    """A server setting, or '' where the server does not let us ask (managed ones forbid CONFIG)."""
    try:
        return str((await redis.config_get(name)).get(name, ""))
    except RedisError:
        return ""
