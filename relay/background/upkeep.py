"""Upkeep of what is kept for people to look back at: bounded in size and age, and commands' acts logged once."""

from collections.abc import Awaitable, Callable

from relay.config import Config
from relay.store import Store
from relay.store.audit import AuditTrail, say
from relay.store.copies import Copies
from relay.store.forgetting import FULL, SHARE, Forgetting

PERIODS = {"audit": 30.0, "records": 60.0}  # seconds for one process's turn
Turn = Callable[[str, float], Awaitable[bool]]  # true for one of all processes in each period


class AuditLog:
    """Logs what commands did: their own standard error is in no log."""

    def __init__(self, store: Store, turn: Turn) -> None:
        self._trail = AuditTrail(store.redis, store.sealer)
        self._turn = turn

    async def tick(self, now: float) -> None:
        """Log what is new, and forget what is old. Raises StoreUnavailable; the next tick goes on where this ended."""
        if not await self._turn("audit", PERIODS["audit"]):
            return
        entries, last = await self._trail.unlogged()
        for entry in entries:
            say(entry)
            await self._trail.logged(entry.id)
        if last:  # what relays did stands between the acts of commands, and may be more than is read at once
            await self._trail.logged(last)
        await self._trail.trim(now)


class Records:
    """Forgets history that is old, and what Redis has no room for."""

    def __init__(self, store: Store, config: Callable[[], Config], turn: Turn) -> None:
        self._store = store
        self._config = config
        self._turn = turn
        self._history = Forgetting(store)
        self._copies = Copies(store, partial=True)

    async def tick(self, now: float) -> None:
        """Forget what is old or too much. Raises StoreUnavailable; the next tick goes on where this ended."""
        if await self._turn("records", PERIODS["records"]):
            fullness = await self._store.fullness()
            await self._history.forget(now, self._config().retention, fullness)
            if fullness > FULL:
                await self._copies.forget(1 - SHARE)
