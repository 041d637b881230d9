"""Access to Redis: connections without hidden retries, scripts by digest, and honest durability."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha1
from importlib.resources import files
from itertools import accumulate
from typing import Any, Literal

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import (
    AskError,
    AuthenticationError,
    BusyLoadingError,
    ClusterDownError,
    MovedError,
    NoScriptError,
    ReadOnlyError,
    RedisError,
)

from relay import metrics
from relay.errors import HandlingFailed, StoreUnavailable
from relay.store import cluster, sentinel
from relay.store.failover import REPLICA_TIMEOUT, can_fail_over, candidates_of, drop_connections, unconfirmed
from relay.store.keys import PREFIX
from relay.store.owners import at_owner
from relay.store.wire import WiredPool

Durability = Literal["auto", "fsync", "replicated", "memory"]
LIMITS = {"socket_timeout": 5.0, "socket_connect_timeout": 2.0, "max_connections": 16, "timeout": 5.0}
SCRIPTS = ("accept", "claim", "settle", "dead", "suppress", "watch", "boxes", "pulse", "parking", "trim", "letters",
           "trouble", "copies", "silence")  # fmt: skip
SOURCES = files("relay.store") / "scripts"
INCLUDE = re.compile(r'^--- @include "(\w+)"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Promise:
    """The durability behind a 2xx, and its shortfalls against the configured one."""

    durability: Durability
    replicas: int = 0
    shortfall: str = ""
    short: Mapping[int, str] = field(default_factory=dict)  # of several partitions, those of which this is not true


def connect(url: str) -> Redis:
    """A client that raises what it meets: redis-py's own ten retries would hide a lost reply from us.

    Where all connections are taken, a call waits for one, instead of failing beside a healthy Redis.
    """
    options: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), **LIMITS}
    if sentinel.MARK in url:
        return sentinel.connect_by_sentinels(url, **options)
    if cluster.MARK in url:
        return cluster.connect_to_cluster(url, **options)
    return Redis.from_pool(WiredPool.from_url(url, **options))


# What Redis says of a command and the data it meets, the same at every try. All else (OOM, READONLY, MISCONF …) is how
# Redis is just now, and passes.
REPEATING = ("ERR", "WRONGTYPE")
# What a server answers that stepped down, or cannot serve now. It keeps its connections, so nothing else would make us
# ask anew which server the address leads to. MASTERDOWN is a ClusterDownError.
STEPPED_DOWN = (ReadOnlyError, BusyLoadingError, ClusterDownError, MovedError)
LINE = re.compile(r"@?user_script: ?(\d+):")  # how Lua begins an error of the script itself


def refusal(error: str, script: str = "") -> HandlingFailed | StoreUnavailable:
    """Return the error for one refused item of many: another try may help, or not. `error` is Redis's text."""
    if line := LINE.match(error):
        return HandlingFailed("LuaError", script_of(script).origin(int(line[1])))
    word = error.partition(" ")[0]
    where = f"relay/store/scripts/{script}.lua" if script else "relay/store"
    return HandlingFailed(word, where) if word in REPEATING else StoreUnavailable(f"Redis refused: {error}")


class Script:
    """One Lua script with what it includes; sent by digest, and whole where the server forgot it.

    `--- @include "lanes"` inserts `scripts/include/lanes.lua`, once however often it is named.
    """

    def __init__(self, name: str) -> None:
        text = (SOURCES / f"{name}.lua").read_text("utf-8")
        head, _, rest = text.partition("\n") if text.startswith("#!") else ("", "", text)
        parts = [*_included(rest, {}).items(), (name, rest)]
        self.source = "\n".join([*([head] if head else []), *(part for _, part in parts)])
        self.digest = sha1(self.source.encode(), usedforsecurity=False).hexdigest()
        self._parts = [part for part, _ in parts]
        lines = (part.count("\n") + 1 for _, part in parts[:-1])
        *starts, last = accumulate(lines, initial=len([head] if head else []))
        self._starts = [*starts, last - bool(head)]  # lines above each part; its own first line is the head

    def origin(self, line: int) -> str:
        """The file and line of this line of the whole, for instance `relay/store/scripts/accept.lua:49`."""
        start, part = max((start, part) for part, start in zip(self._parts, self._starts, strict=True) if start < line)
        return f"relay/store/scripts/{part}.lua:{line - start}"


@cache
def script_of(name: str) -> Script:
    """Put together once in a process, however many stores it opens."""
    return Script(name)


def _included(text: str, before: dict[str, str]) -> dict[str, str]:
    """The parts that this text includes, each behind those that it includes itself; `before` are there already."""
    for name in INCLUDE.findall(text):
        if (part := f"include/{name}") not in before:
            source = (SOURCES / f"{part}.lua").read_text("utf-8")
            _included(source, before)
            before[part] = source
    return before


class Scripts:
    """Runs the store's scripts. Every failure becomes StoreUnavailable: the caller may always repeat the call."""

    def __init__(self, redis: Redis, clock: Callable[[], float] | None = None) -> None:
        self._redis = redis
        self._scripts = {name: script_of(name) for name in SCRIPTS}
        self._seconds = {name: metrics.script_seconds.labels(name) for name in SCRIPTS}
        self._clock = clock  # seconds since the epoch, for tests; without it the scripts read Redis's own clock

    async def run(
        self, name: str, args: Sequence[str | bytes | int], replicas: int = 0, *, prefix: str = PREFIX
    ) -> Any:
        """The script's answer; with `replicas`, only once that many of them have it too.

        `prefix` begins all keys that it may touch, with their hash tag.
        """
        script = self._scripts[name]
        # The second key never exists. While a Cluster moves the slot key by key, a part of what the script needs may be
        # gone already; a key that is missing makes the server refuse it then, before it has begun.
        keys = (f"{prefix}ledger", f"{prefix}never")
        rest = (*keys, prefix, int(self._clock() * 1000) if self._clock else 0, *args)

        server = self._redis

        async def evaluated(redis: Redis) -> Any:
            nonlocal server
            server = redis  # of a Cluster's, the one that has these keys
            try:
                return await self._evaluate(redis, "EVALSHA", script.digest, rest, replicas)
            except NoScriptError:
                return await self._evaluate(redis, "EVAL", script.source, rest, replicas)

        began = time.perf_counter()
        try:
            return await at_owner(self._redis, keys[0], evaluated)
        except (RedisError, OSError, TimeoutError) as error:
            metrics.script_failures.labels(name).inc()
            if _stepped_down(error):
                await drop_connections(server)
            raise _unavailable(error) from error
        finally:
            self._seconds[name].observe(time.perf_counter() - began)

    async def _evaluate(self, redis: Redis, command: str, script: str, rest: Sequence[Any], replicas: int) -> Any:
        if not replicas and isinstance(redis.connection_pool, WiredPool):
            [answer] = await redis.connection_pool.call((command, script, 2, *rest))
            if isinstance(answer, Exception):
                raise answer
            return answer
        before = candidates_of(redis)
        # WAIT covers the writes of its own connection only, so both travel in one pipeline on one connection.
        async with redis.pipeline(transaction=False) as pipeline:
            (pipeline.evalsha if command == "EVALSHA" else pipeline.eval)(script, 2, *rest)
            if replicas:
                pipeline.wait(max(replicas, before.total()), int(REPLICA_TIMEOUT * 1000))
                if can_fail_over(redis):
                    pipeline.info("replication")
            answer, *confirmed = await pipeline.execute()
        if replicas and (reason := unconfirmed(redis, before, replicas, *confirmed)):
            await drop_connections(redis)  # a primary that was replaced may not know it yet
            raise StoreUnavailable(reason)
        return answer


ALTHOUGH_FULL = "#!lua flags=allow-oom\nreturn redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))"


async def call(command: Any) -> Any:
    """A plain command's answer, with its failure in our words."""
    try:
        return await command
    except (RedisError, OSError, TimeoutError) as error:
        raise _unavailable(error) from error


async def write(redis: Redis, command: Any) -> Any:
    """`call` for a command that writes: a server that refuses because it stepped down is left."""
    try:
        return await call(command)
    except StoreUnavailable as error:
        if _stepped_down(error.__cause__):
            await drop_connections(redis)
        raise


async def write_although_full(redis: Redis, key: str, command: str, *args: Any) -> Any:
    """`write` of this command, also to a Redis that is full: for what is small, bounded, and needed to drain it."""
    return await write(redis, redis.eval(ALTHOUGH_FULL, 1, key, command, *args))


def _stepped_down(error: BaseException | None) -> bool:
    return isinstance(error, STEPPED_DOWN) or "NOREPLICAS " in str(error)  # min-replicas-to-write


def _unavailable(error: Exception) -> StoreUnavailable:
    # What Redis says of it speaks of HELLO and AUTH, and of no setting.
    if isinstance(error, AuthenticationError) or isinstance(error.__cause__, AuthenticationError):
        shape = "redis.url (RELAY_REDIS_URL) is redis://:PASSWORD@HOST:PORT/0"
        return StoreUnavailable(f"Redis: it wants a password, or another one: {shape}")
    # A Cluster's own client goes where these point. MASTERDOWN is a ClusterDownError, too, and speaks of the master.
    if isinstance(error, (MovedError, AskError)) or (isinstance(error, ClusterDownError) and "slot" in str(error)):
        shape = "redis.url (RELAY_REDIS_URL) is redis+cluster://HOST:6379,HOST:6379"
        return StoreUnavailable(f"Redis: this is one node of a Cluster, and relay's data is not there: {shape}")
    return StoreUnavailable(f"Redis: {error or type(error).__name__}")
