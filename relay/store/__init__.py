"""The store: the only code that knows Redis."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relay.store.queue import Store

__all__ = ["Store"]


def __getattr__(name: str) -> Any:
    """`Store`, imported when it is asked for: who starts a private Redis and no more needs no client for it."""
    if name != "Store":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from relay.store.queue import Store  # noqa: PLC0415

    return Store
