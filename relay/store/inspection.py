"""Inspection of a Redis's durability: of several primaries the weakest decides."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from relay.errors import ConfigError, Problem, StoreUnavailable
from relay.store.client import Durability, Promise, call
from relay.store.failover import Replicas, candidates_of, drop_connections, online
from relay.store.layout import layout_of, of_another_layout
from relay.store.owners import owners
from relay.store.partitions import Partitions
from relay.store.sentinel import inspected

OLDEST = 7  # scripts with flags
PATIENCE = 1.0  # seconds that one of several primaries may take to describe itself
Home = tuple[str, Redis, list[int]]  # of partitions: address, client, and their numbers


@dataclass(frozen=True, slots=True)
class _Server:
    """One primary, as it describes itself. `where` is its address if there may be several."""

    where: str
    redis: Redis
    partitions: Sequence[int]
    software: Mapping[str, Any]
    memory: Mapping[str, Any]
    candidates: Replicas  # before its replication was asked for
    replication: Mapping[str, Any]
    fsync: bool  # every write is on disk before it is answered

    @property
    def replicas(self) -> int:
        return online(self.replication).total() if self.where else int(self.replication.get("connected_slaves", 0))

    @property
    def prefix(self) -> str:
        return f"{self.where}: " if self.where else ""


async def inspect(redis: Redis, partitions: Partitions, requested: Durability, replicas: int) -> Promise:
    """Return the durability of this Redis. ConfigError for one that relay must not run on.

    Of a Cluster, each primary that has a partition is looked at. One that falls short, or is silent, is so for its
    own partitions alone, as long as there are others.
    """
    prefixes = {partition.number: partition.prefix for partition in partitions.present}
    looked_at, short = await _answering(await call(owners(redis, prefixes)), len(partitions))
    problems = [problem for server in looked_at for problem in _problems(server)]
    problems += of_another_layout(await layout_of(redis, len(partitions)))
    if problems:
        raise ConfigError([Problem("redis", problem) for problem in problems])
    always = all(server.fsync for server in looked_at)
    if requested == "auto":
        requested = "replicated" if all(server.replicas for server in looked_at) else "fsync" if always else "memory"
    shortfalls, lacking, required = list[str](), dict[int, str](), replicas
    for server in looked_at:
        own, shortfall = await _falls_short(server, requested, replicas)
        # Of a Cluster's primaries each goes by its own number.
        required = replicas if server.where else own
        if shortfall:
            shortfalls.append(shortfall)
            lacking |= dict.fromkeys(server.partitions, shortfall)
    required = required if requested == "replicated" else 0
    if len(shortfalls) == len(looked_at):
        return Promise(requested, required, "; ".join(shortfalls), short)
    return Promise(requested, required, "", short | lacking)


async def _answering(servers: Sequence[Home], partitions: int) -> tuple[list[_Server], dict[int, str]]:
    """The primaries that answer; for the partitions of the others why they are not there."""
    outcomes = await asyncio.gather(*(_look(*server, partitions) for server in servers), return_exceptions=True)
    answering, short = list[_Server](), dict[int, str]()
    for (where, redis, theirs), outcome in zip(servers, outcomes, strict=True):
        replica = isinstance(outcome, _Server) and outcome.replication.get("role") == "slave"
        if replica:
            await drop_connections(redis)
        if replica and where:
            short |= dict.fromkeys(theirs, f"{where} is a read-only replica, and not yet or no longer a primary")
        elif isinstance(outcome, _Server):
            answering.append(outcome)
        elif isinstance(outcome, (StoreUnavailable, TimeoutError)):
            short |= dict.fromkeys(theirs, str(outcome) or f"{where}: no answer within {PATIENCE:g} s")
        else:
            raise outcome
    if not answering:
        raise StoreUnavailable(next(iter(short.values()), "no node of the Cluster has relay's slots"))
    return answering, short


async def _falls_short(server: _Server, requested: Durability, replicas: int) -> tuple[int, str]:
    """Return how many replicas have to confirm, and the shortfall of this one, '' if none."""
    if requested != "replicated":
        name = server.where or "Redis"
        lacks = requested == "fsync" and not server.fsync
        fault = f"durability is fsync, but {name} does not run with appendonly yes and appendfsync always"
        return 0, fault if lacks else ""
    own, doubt = await inspected(server.redis, replicas, server.candidates, server.replication)
    if server.replicas >= own or doubt:
        return own, doubt
    primary = f" to {server.where}" if server.where else ""
    return own, f"durability is replicated to {own}, but {server.replicas} replicas are attached{primary}"


async def _look(where: str, redis: Redis, theirs: Sequence[int], partitions: int) -> _Server:
    candidates = candidates_of(redis)
    async with asyncio.timeout(PATIENCE if partitions > 1 else None):
        software, memory, persistence, replication = [
            await call(redis.info(part)) for part in ("server", "memory", "persistence", "replication")
        ]
        fsync = bool(persistence.get("aof_enabled")) and await _setting(redis, "appendfsync") == "always"
    return _Server(where, redis, theirs, software, memory, candidates, replication, fsync)


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


async def _setting(redis: Redis, name: str) -> str:
    """A server setting, or '' where the server does not let us ask (managed ones forbid CONFIG)."""
    try:
        return str((await redis.config_get(name)).get(name, ""))
    except RedisError:
        return ""
