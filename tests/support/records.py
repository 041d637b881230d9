"""What a store in memory keeps, where no question asks for it."""

from typing import Any, TypeVar

from relay.engine.pauses import Pause
from relay.engine.state import Record

R = TypeVar("R", bound=Record)


def all_of(store: Any, kind: type[R]) -> list[R]:
    """Return the records of this kind, themselves."""
    return [record for record in store.shared.memory.records.values() if isinstance(record, kind)]


def members(store: Any, name: str) -> list[str]:
    """Return what an index, or the fields of a table, of this name has."""
    memory = store.shared.memory
    return [*memory.table(name), *(member for _, member in memory.ascending(name))]


def pause(store: Any, scope: str, **fields: Any) -> None:
    """Let a scope be paused, with these fields."""
    paused = Pause(scope, **fields)
    store.shared.memory.records[paused.key] = paused
