"""The store: the only code that knows Redis."""

from relay.store.queue import Store

__all__ = ["Store"]
