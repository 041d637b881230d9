"""What a store in memory keeps, where no question asks for it."""

from typing import Any

from relay.engine import records
from relay.engine.names import operation
from relay.engine.pauses import Pause
from tests.support.memory_store import MemoryStore


async def read(store: MemoryStore, subject: str, name: str) -> Any:
    """One field of an operation's record."""
    return getattr(store.shared.memory.records[f"op:{operation(subject)}"], name)


async def write(store: MemoryStore, subject: str, name: str, value: Any) -> None:
    """Put one field there, whatever the engine thinks of it."""
    record = records.Operation(operation(subject), subject=subject)
    setattr(store.shared.memory.records.setdefault(record.key, record), name, value)


async def members(store: MemoryStore, name: str) -> list[str]:
    """Return what an index, or the fields of a table, of this name has."""
    memory = store.shared.memory
    return [*memory.table(name), *(member for _, member in memory.ascending(name))]


async def channels(store: MemoryStore) -> list[str]:
    """Return the channels of all deliveries, one of each delivery."""
    return [delivery.channel for delivery in _of(store, records.Delivery)]


async def pause(store: MemoryStore, scope: str, **fields: Any) -> None:
    """Let a scope be paused, with these fields."""
    paused = Pause(scope, **fields)
    store.shared.memory.records[paused.key] = paused


async def operations(store: MemoryStore) -> list[str]:
    """Return the names of the operations that are known."""
    return [record.name for record in _of(store, records.Operation)]


async def forget(store: MemoryStore, *names: str) -> None:
    """Forget these operations, as if 30 days had passed."""
    for name in names:
        del store.shared.memory.records[f"op:{name}"]


def _of(store: MemoryStore, kind: type[Any]) -> list[Any]:
    return [record for record in store.shared.memory.records.values() if isinstance(record, kind)]
