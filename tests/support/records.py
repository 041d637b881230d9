"""What a store keeps, where no question of the store's asks for it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from relay.store.records import PACKED, Value, pack, unpack

from relay.store import Store
from relay.store.keys import operation

# By the names of packed fields, those of the engine's record.
ATTRIBUTES = {"retry": "run", "watch:alarms": "alarms", "watch:gaps": "gaps", "rank": "rank"}


def in_memory(store: Any) -> Any:
    """Return the state of a store over the engine; None where it is in Redis."""
    return store.shared.memory if hasattr(store, "shared") else None


async def read(store: Store, subject: str, name: str) -> Value:
    """One value of an operation as it is kept; None where it is absent."""
    if memory := in_memory(store):
        value = getattr(memory.records[f"op:{operation(subject)}"], ATTRIBUTES[name])
        return " ".join(map(str, value)) if isinstance(value, list) else value
    field, place = _place(name)
    values = [*unpack(await store.redis.hget(key(subject), field) or b"")]
    return values[place] if place < len(values) else None


async def write(store: Store, subject: str, name: str, value: Value) -> None:
    """Put one value there, whatever the store thinks of it."""
    if memory := in_memory(store):
        from relay.engine.records import Operation

        record = memory.records.setdefault(f"op:{operation(subject)}", Operation(operation(subject), subject=subject))
        setattr(record, ATTRIBUTES[name], value)
        return
    field, place = _place(name)
    values = [*unpack(await store.redis.hget(key(subject), field) or b"")]
    values += [None] * (place + 1 - len(values))
    values[place] = value
    await store.redis.hset(key(subject), field, pack(tuple(values)))


async def members(store: Store, name: str) -> list[str]:
    """Return what a set, or the fields of a hash, of this name has."""
    if memory := in_memory(store):
        return [*memory.tables.get(name, ()), *(memory.indexes[name].scores if name in memory.indexes else ())]
    ask = {b"zset": lambda it: store.redis.zrange(it, 0, -1), b"set": store.redis.smembers, b"hash": store.redis.hkeys}
    kind = await store.redis.type(f"{{relay}}:{name}")
    return [member.decode() for member in await ask[kind](f"{{relay}}:{name}")] if kind in ask else []


async def bodies(store: Store) -> int:
    """Count the documents that are kept for deliveries."""
    if memory := in_memory(store):
        return sum(name.startswith("body:") for name in memory.records)
    return len(await store.redis.keys("{relay}:event:*"))


async def channels(store: Store) -> list[str]:
    """Return the channels of all deliveries, one of each delivery."""
    if memory := in_memory(store):
        return [record.channel for name, record in memory.records.items() if name.startswith("d:")]
    rows = await store.redis.keys("{relay}:delivery:*")
    return [(await store.redis.hget(row, "channel")).decode() for row in rows]


async def damage(store: Store) -> Callable[[], Awaitable[None]]:
    """Damage the one document that is kept for deliveries; the answer mends it."""
    if memory := in_memory(store):
        (key,) = [name for name in memory.records if name.startswith("body:")]
        record = memory.records[key]
        memory.records[key] = replace(record, text=b"{}")

        async def mend() -> None:
            memory.records[key] = record

        return mend
    (key,) = await store.redis.keys("{relay}:event:*")
    whole = await store.redis.hget(key, "body")
    await store.redis.hset(key, "body", b"{}")

    async def put_back() -> None:
        await store.redis.hset(key, "body", whole)

    return put_back


async def repeat(store: Store, destination: str, times: int, ms: int) -> None:
    """Add so many like the newest row of a destination's history, all at this time."""
    if memory := in_memory(store):
        rows = memory.streams[f"history:{destination}"]
        rows += [(ms, number, rows[-1][2]) for number in range(times)]
        return
    key = f"{{relay}}:history:{destination}"
    [(_, newest)] = await store.redis.xrevrange(key, count=1)
    async with store.redis.pipeline() as pipeline:
        for _ in range(times):
            pipeline.xadd(key, newest, id=f"{ms}-*")
        await pipeline.execute()


async def addresses(store: Store) -> set[str]:
    """Return the configured addresses, each behind its destination."""
    if memory := in_memory(store):
        known = memory.records["configured"].addresses
        return {f"{destination}\0{address}" for destination, them in known.items() for address in them}
    return {name.decode() for name in await store.redis.hkeys("{relay}:destinations")}


async def pause(store: Store, scope: str, **fields: Any) -> None:
    """Let a scope be paused, with these fields."""
    if memory := in_memory(store):
        from relay.engine.records import Pause

        memory.records[f"pause:{scope}"] = Pause(scope, **fields)
    else:
        await store.redis.hset(f"{{relay}}:pause:{scope}", mapping=fields)


async def put(store: Store, table: str, fields: dict[str, str]) -> None:
    """Add fields to a table."""
    if memory := in_memory(store):
        memory.tables.setdefault(table, {}).update({name: text.encode() for name, text in fields.items()})
    else:
        await store.redis.hset(f"{{relay}}:{table}", mapping=fields)


async def lines(store: Store, subject: str) -> int:
    """Count the lines that an operation's log has."""
    if memory := in_memory(store):
        return len(memory.logs.get(f"story:{operation(subject)}", ()))
    return int(await store.redis.llen(f"{{relay}}:log:{operation(subject)}"))


async def operations(store: Store) -> list[str]:
    """Return the names of the operations that are known."""
    if memory := in_memory(store):
        return [name.removeprefix("op:") for name in memory.records if name.startswith("op:")]
    return [name.decode().removeprefix("{relay}:operation:") for name in await store.redis.keys("{relay}:operation:*")]


async def forget(store: Store, *names: str) -> None:
    """Forget these operations, as if 30 days had passed."""
    for name in names:
        if memory := in_memory(store):
            del memory.records[f"op:{name}"]
        else:
            await store.redis.delete(f"{{relay}}:operation:{name}")


def _place(name: str) -> tuple[str, int]:
    return next((field, names.index(name)) for field, names in PACKED.items() if name in names)


def key(subject: str) -> str:
    return "{relay}:operation:" + operation(subject)
