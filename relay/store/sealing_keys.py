"""The keys that the data is sealed with, as recorded in Redis: a process that lacks one must not start."""

from datetime import UTC, datetime

from relay.errors import ConfigError, Problem
from relay.store.keys import SEALED
from relay.store.plain import Plain
from relay.store.sealing import Sealer

CLEAR = "the data in Redis was written without a key; run `relay keys seal` once, or begin with an empty Redis"
FORGOTTEN = 400 * 86_400.0  # seconds after which a process without any key is accepted


async def agree_on_keys(plain: Plain, sealer: Sealer | None) -> None:
    """`check_keys`, and remember the key that seals from now on."""
    now, forgotten = await check_keys(plain, sealer)
    if forgotten:
        await plain.do(("HDEL", SEALED, *forgotten))
    if sealer:
        await plain.do_although_full("HSET", SEALED, sealer.current, int(now))


async def check_keys(plain: Plain, sealer: Sealer | None) -> tuple[float, list[str]]:
    """ConfigError if a key is missing that something may still be sealed with: nothing is lost, and nothing is
    delivered before it is there. Answers the time, and the keys of which nothing can be left."""
    now, used = await sealed_with(plain)
    retention = sealer.retention if sealer else FORGOTTEN
    here = sealer.names if sealer else {}
    missing = {id_: at for id_, at in used.items() if id_ not in here}
    if needed := {id_: at for id_, at in missing.items() if now - at < retention}:
        raise ConfigError([Problem("redis.encryption_key", _lacks(id_, at, retention)) for id_, at in needed.items()])
    return now, [*missing]


async def check_sealed(plain: Plain, sealer: Sealer | None) -> None:
    """ConfigError if there is a key and the data was written without any: relay would refuse all of it."""
    if sealer is None or (await sealed_with(plain))[1]:
        return
    written = ("mark", "keys", "quarantine", "faults", "audit")
    if any(await plain.do(*(("EXISTS", name) for name in written))):
        raise ConfigError([Problem("redis.encryption_key", CLEAR)])


async def sealed_with(plain: Plain) -> tuple[float, dict[str, float]]:
    """The time by Redis's clock, and when each key that the data may be sealed with sealed last, as far as is known."""
    return await plain.now() / 1000, {id_: float(at) for id_, at in (await plain.counts(SEALED)).items()}


async def older_keys(plain: Plain, sealer: Sealer) -> list[str]:
    """Return the state of the keys before the present one: until when each is needed."""
    now, used = await sealed_with(plain)
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
