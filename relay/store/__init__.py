"""relay's state in Redis: the partition and its journal, questions about it, and plain lists beside it."""

from relay.store.store import Store

__all__ = ["Store"]
