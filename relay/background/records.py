"""What relay keeps for people to look back at stays within its bounds."""

from collections.abc import Awaitable, Callable

from relay.config import Config
from relay.store import Store
from relay.store.copies import Copies
from relay.store.forgetting import FULL, SHARE, Forgetting

PERIOD = 60.0  # seconds for one process's turn
Turn = Callable[[str, float], Awaitable[bool]]


class Records:
    """`turn` is true for one of all processes in each period."""

    def __init__(self, store: Store, config: Callable[[], Config], turn: Turn) -> None:
        self._store = store
        self._config = config
        self._turn = turn
        self._history = Forgetting(store)
        self._copies = Copies(store, partial=True)

    async def tick(self, now: float) -> None:
        """Forget what is old or too much. Raises StoreUnavailable; the next tick goes on where this ended."""
        if await self._turn("records", PERIOD):
            fullness = await self._store.fullness()
            await self._history.forget(now, self._config().retention, fullness)
            if fullness > FULL:
                await self._copies.forget(1 - SHARE)
