"""What commands did, said again in the log of a relay that runs: a command's own standard error is in nobody's log."""

from collections.abc import Awaitable, Callable

from relay.store import Store
from relay.store.audit import AuditTrail, say

PERIOD = 30.0  # seconds for one process's turn
Turn = Callable[[str, float], Awaitable[bool]]


class AuditLog:
    """`turn` is true for one of all processes in each period, so that a line comes once."""

    def __init__(self, store: Store, turn: Turn) -> None:
        self._trail = AuditTrail(store.redis, store.sealer)
        self._turn = turn

    async def tick(self, now: float) -> None:
        """Log what is new, and forget what is old. Raises StoreUnavailable; the next tick goes on where this ended."""
        if not await self._turn("audit", PERIOD):
            return
        entries, last = await self._trail.unlogged()
        for entry in entries:
            say(entry)
            await self._trail.logged(entry.id)
        if last:  # what relays did stands between the acts of commands, and may be more than is read at once
            await self._trail.logged(last)
        await self._trail.trim(now)
