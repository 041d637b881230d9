"""Test messages from the console: one at a time for each destination, and what they got through works."""

from collections.abc import Sequence

from relay.engine.health import RecordWorks
from relay.engine.names import digest
from relay.store.store import Store

PAUSE = 10.0  # seconds between two to a destination, be it by whichever process


class Trials:
    """Every failure is StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def begin(self, destination: str) -> float:
        """Return the seconds that the next one has to wait; 0: go on."""
        name = f"testing:{digest('testing', destination).hex()}"
        first, left = await self._store.plain.do(("SET", name, 1, "NX", "PX", int(PAUSE * 1000)), ("PTTL", name))
        return 0.0 if first else max(0.0, left / 1000)

    async def works(self, scopes: Sequence[str]) -> None:
        """Record success for its addresses; what delivering found of them stays."""
        await self._store.submit(RecordWorks(scopes))
