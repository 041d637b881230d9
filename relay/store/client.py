"""Access to Redis: connections without hidden retries, and honest durability."""

from dataclasses import dataclass
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
    ReadOnlyError,
    RedisError,
)

from relay.errors import StoreUnavailable
from relay.store import cluster, sentinel
from relay.store.failover import drop_connections
from relay.store.wire import WiredPool

Durability = Literal["auto", "fsync", "replicated", "memory"]
LIMITS = {"socket_timeout": 5.0, "socket_connect_timeout": 2.0, "max_connections": 16, "timeout": 5.0}


@dataclass(frozen=True, slots=True)
class Promise:
    """The durability behind a 2xx, and its shortfalls against the configured one."""

    durability: Durability
    replicas: int = 0
    shortfall: str = ""


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


# What a server answers that stepped down, or cannot serve now. It keeps its connections, so nothing else would make us
# ask anew which server the address leads to. MASTERDOWN is a ClusterDownError.
STEPPED_DOWN = (ReadOnlyError, BusyLoadingError, ClusterDownError, MovedError)
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
