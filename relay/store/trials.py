"""Test messages from the console: one at a time for each destination, and what they got through works."""

from collections.abc import Sequence

from relay.engine.health import RecordWorks
from relay.engine.names import digest
from relay.store import keys
from relay.store.client import call, write
from relay.store.store import Store

PAUSE = 10.0  # seconds between two to a destination, be it by whichever process


class Trials:
    """Every failure is StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._redis, self._store = store.redis, store

    async def begin(self, destination: str) -> float:
        """Return the seconds that the next one has to wait; 0: go on."""
        key = f"{keys.PREFIX}testing:{digest('testing', destination).hex()}"
        if await write(self._redis, self._redis.set(key, 1, nx=True, px=int(PAUSE * 1000))):
            return 0.0
        return max(0.0, float(await call(self._redis.pttl(key))) / 1000)

    async def works(self, scopes: Sequence[str]) -> None:
        """Record success for its addresses; what delivering found of them stays."""
        await self._store.submit(RecordWorks(scopes))
