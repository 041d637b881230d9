"""The keys that the data is sealed with, as recorded in Redis: a process that lacks one must not start."""

from datetime import UTC, datetime

from redis.asyncio import Redis

from relay.errors import ConfigError, Problem
from relay.store import keys
from relay.store.client import call, write, write_although_full
from relay.store.sealing import Sealer

CLEAR = "the data in Redis was written without a key; run `relay keys seal` once, or begin with an empty Redis"
FORGOTTEN = 400 * 86_400.0  # seconds after which a process without any key is accepted


async def agree_on_keys(redis: Redis, sealer: Sealer | None) -> None:
    """`check_keys`, and remember the key that seals from now on."""
    now, forgotten = await check_keys(redis, sealer)
    if forgotten:
        await write(redis, redis.hdel(keys.SEALED, *forgotten))
    if sealer:
        await write_although_full(redis, keys.SEALED, "HSET", sealer.current, int(now))


async def check_keys(redis: Redis, sealer: Sealer | None) -> tuple[float, list[str]]:
    """ConfigError if a key is missing that something may still be sealed with: nothing is lost, and nothing is
    delivered before it is there. Answers the time, and the keys of which nothing can be left."""
    now, used = await sealed_with(redis)
    retention = sealer.retention if sealer else FORGOTTEN
    here = sealer.names if sealer else {}
    missing = {id_: at for id_, at in used.items() if id_ not in here}
    if needed := {id_: at for id_, at in missing.items() if now - at < retention}:
        raise ConfigError([Problem("redis.encryption_key", _lacks(id_, at, retention)) for id_, at in needed.items()])
    return now, [*missing]


async def check_sealed(redis: Redis, sealer: Sealer | None) -> None:
    """ConfigError if there is a key and the data was written without any: relay would refuse all of it."""
    if sealer is None or (await sealed_with(redis))[1]:
        return
    written = ("mark", "key", "quarantine", "faults", "audit", "audit:strangers")
    if await call(redis.exists(*(keys.PREFIX + name for name in written))):
        raise ConfigError([Problem("redis.encryption_key", CLEAR)])


async def sealed_with(redis: Redis) -> tuple[float, dict[str, float]]:
    """The time by Redis's clock, and when each key that the data may be sealed with sealed last, as far as is known."""
    seconds, _ = await call(redis.time())
    rows = await call(redis.hgetall(keys.SEALED))
    return float(seconds), {id_.decode(): float(at) for id_, at in rows.items()}


async def older_keys(redis: Redis, sealer: Sealer) -> list[str]:
    """Return the state of the keys before the present one: until when each is needed."""
    now, used = await sealed_with(redis)
    earlier = [(id_, at) for id_, at in used.items() if id_ != sealer.current and now - at < sealer.retention]
    return [
        f"{sealer.names.get(id_, id_)} ({id_}) is needed until {_day(at + sealer.retention)}" for id_, at in earlier
    ]


def _lacks(id_: str, at: float, retention: float) -> str:
    return (
        f"expected the key {id_}, with which the data in Redis is sealed (last on {_day(at)}): add it, under any name, "
        f"behind the present one; what it sealed is gone by {_day(at + retention)}"
    )


def _day(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).date().isoformat()
