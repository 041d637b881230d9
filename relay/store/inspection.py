"""Inspection of a Redis's durability."""

from collections.abc import Iterator, Mapping
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from relay.errors import ConfigError, Problem, StoreUnavailable
from relay.store.client import Durability, Promise, call
from relay.store.cluster import Cluster, is_cluster
from relay.store.failover import candidates_of, drop_connections, online
from relay.store.sentinel import inspected

OLDEST = 7  # scripts with flags
Info = Mapping[str, Any]


async def inspect(redis: Redis, requested: Durability, replicas: int) -> Promise:
    """Return the durability of this Redis. ConfigError for one that relay must not run on."""
    before = candidates_of(redis)
    software, memory, persistence, replication = [
        await call(redis.info(part)) for part in ("server", "memory", "persistence", "replication")
    ]
    if replication.get("role") == "slave":
        await drop_connections(redis)
        if isinstance(redis, Cluster):
            redis.ask_anew()  # no command without a key says that the slot is elsewhere
            raise StoreUnavailable("the node that has relay's slot is a read-only replica, and not yet a primary")
    if problems := [*_problems(software, memory, replication)]:
        raise ConfigError([Problem("redis", problem) for problem in problems])
    fsync = bool(persistence.get("aof_enabled")) and await call(_setting(redis, "appendfsync")) == "always"
    attached = online(replication).total() if is_cluster(redis) else int(replication.get("connected_slaves", 0))
    if requested == "auto":
        requested = "replicated" if attached else "fsync" if fsync else "memory"
    if requested == "replicated":
        required, doubt = await inspected(redis, replicas, before, replication)
        lacks = f"durability is replicated to {required}, but {attached} replicas are attached"
        return Promise(requested, required, doubt or (lacks if attached < required else ""))
    lacks = "durability is fsync, but Redis does not run with appendonly yes and appendfsync always"
    return Promise(requested, 0, lacks if requested == "fsync" and not fsync else "")


def _problems(software: Info, memory: Info, replication: Info) -> Iterator[str]:
    version = str(software.get("redis_version", "7"))
    if int(version.partition(".")[0]) < OLDEST:
        yield f"this is Redis {version}; relay's scripts need {OLDEST}.0 or later"
    policy = memory.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        yield (
            f"maxmemory-policy is {policy}: Redis would delete queued messages when it is full; "
            "set maxmemory-policy noeviction"
        )
    if replication.get("role") == "slave":
        yield "this Redis is a read-only replica; use the address of its primary"


async def _setting(redis: Redis, name: str) -> str:
    """Return a server setting, or '' where the server does not let us ask (managed ones forbid CONFIG)."""
    try:
        return str((await redis.config_get(name)).get(name, ""))
    except RedisError:
        return ""
