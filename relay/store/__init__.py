"""The store: the only code that knows Redis."""

from relay.store.store import Store

__all__ = ["Store"]
