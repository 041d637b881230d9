"""Inspection of a Redis's durability."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from relay.errors import ConfigError, Problem, StoreUnavailable
from relay.store import keys
from relay.store.client import Durability, Promise, call
from relay.store.failover import Replicas, candidates_of, drop_connections, online
from relay.store.owners import at_owner, is_cluster
from relay.store.sentinel import inspected

OLDEST = 7  # scripts with flags


@dataclass(frozen=True, slots=True)
class _Server:
    """The primary that has relay's data, as it describes itself."""

    redis: Redis
    software: Mapping[str, Any]
    memory: Mapping[str, Any]
    candidates: Replicas  # before its replication was asked for
    replication: Mapping[str, Any]
    fsync: bool  # every write is on disk before it is answered


async def inspect(redis: Redis, requested: Durability, replicas: int) -> Promise:
    """Return the durability of this Redis. ConfigError for one that relay must not run on."""
    server = await call(at_owner(redis, keys.PREFIX, _look))
    is_replica = server.replication.get("role") == "slave"
    if is_replica:
        await drop_connections(server.redis)
        if is_cluster(redis):
            raise StoreUnavailable("the node that has relay's slot is a read-only replica, and not yet a primary")
    if problems := [*_problems(server)]:
        raise ConfigError([Problem("redis", problem) for problem in problems])
    attached = online(server.replication).total() if is_cluster(redis) else _attached(server)
    if requested == "auto":
        requested = "replicated" if attached else "fsync" if server.fsync else "memory"
    if requested == "replicated":
        required, doubt = await inspected(server.redis, replicas, server.candidates, server.replication)
        lacks = f"durability is replicated to {required}, but {attached} replicas are attached"
        return Promise(requested, required, doubt or (lacks if attached < required else ""))
    lacks = "durability is fsync, but Redis does not run with appendonly yes and appendfsync always"
    return Promise(requested, 0, lacks if requested == "fsync" and not server.fsync else "")


def _attached(server: _Server) -> int:
    return int(server.replication.get("connected_slaves", 0))


async def _look(redis: Redis) -> _Server:
    candidates = candidates_of(redis)
    parts = [await redis.info(part) for part in ("server", "memory", "persistence", "replication")]
    software, memory, persistence, replication = parts
    fsync = bool(persistence.get("aof_enabled")) and await _setting(redis, "appendfsync") == "always"
    return _Server(redis, software, memory, candidates, replication, fsync)


def _problems(server: _Server) -> Iterator[str]:
    version = str(server.software.get("redis_version", "7"))
    if int(version.partition(".")[0]) < OLDEST:
        yield f"this is Redis {version}; relay's scripts need {OLDEST}.0 or later"
    policy = server.memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield (
            f"maxmemory-policy is {policy}: Redis would delete queued messages when it is full; "
            "set maxmemory-policy noeviction"
        )
    if server.replication.get("role") == "slave":
        yield "this Redis is a read-only replica; use the address of its primary"


async def _setting(redis: Redis, name: str) -> str:
    """Return a server setting, or '' where the server does not let us ask (managed ones forbid CONFIG)."""
    try:
        return str((await redis.config_get(name)).get(name, ""))
    except RedisError:
        return ""
