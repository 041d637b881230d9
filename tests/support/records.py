"""The packed fields of an operation's record."""

from relay.store import Store
from relay.store.keys import operation
from relay.store.records import PACKED, Value, pack, unpack


async def read(store: Store, subject: str, name: str) -> Value:
    """One value as it is kept; None where it is absent."""
    field, place = _place(name)
    values = [*unpack(await store.redis.hget(key(subject), field) or b"")]
    return values[place] if place < len(values) else None


async def write(store: Store, subject: str, name: str, value: Value) -> None:
    """Put one value there, whatever the scripts think of it."""
    field, place = _place(name)
    values = [*unpack(await store.redis.hget(key(subject), field) or b"")]
    values += [None] * (place + 1 - len(values))
    values[place] = value
    await store.redis.hset(key(subject), field, pack(tuple(values)))


def _place(name: str) -> tuple[str, int]:
    return next((field, names.index(name)) for field, names in PACKED.items() if name in names)


def key(subject: str) -> str:
    return "{relay}:operation:" + operation(subject)
