"""What this process has just learned of a channel, before the store, or what it has claimed by then, knows of it.

Under one limit one call is under way at a time: nothing leaves before Retry-After because it was on its way already.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from weakref import WeakValueDictionary

from relay.store.settling import Pause

IN_HAND = 3.0  # seconds from a claim until what was claimed is sent; from then on the store's own pause holds
WITNESS = 60.0  # seconds within which another message has to fail as well, before a channel counts as broken


class Brakes:
    """`clock` is in seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}
        self._failed: dict[str, tuple[float, str]] = {}  # by scope, the last failure since something got through
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def turn(self, limits: Iterable[str]) -> AsyncIterator[None]:
        """Wait until nothing else is under way under these limits."""
        async with contextlib.AsyncExitStack() as stack:
            for name in sorted(limits):  # in one order, so that no two wait for each other
                await stack.enter_async_context(self._turns.setdefault(name, asyncio.Lock()))
            yield

    def failed(self, scope: str, delivery: str) -> bool:
        """Take note of a failure, and return whether another message failed there too, with no success in between."""
        now, (at, by) = self._clock(), self._failed.get(scope, (0.0, delivery))
        self._failed[scope] = now, delivery
        return by != delivery and now - at <= WITNESS

    def apply(self, pauses: Iterable[Pause], *, witnessed: bool) -> None:
        """Hold what is in hand back from what is paused."""
        now = self._clock()
        self._until = {scope: until for scope, until in self._until.items() if until > now}
        for pause in pauses:
            if witnessed or not pause.witnessed:
                until = now + min(pause.seconds, IN_HAND)
                self._until[pause.scope] = max(self._until.get(pause.scope, 0.0), until)

    def works(self, scope: str) -> None:
        """Take note of a success."""
        self._until.pop(scope, None)
        self._failed.pop(scope, None)

    def wait(self, scopes: Iterable[str]) -> float:
        """Return the seconds until all of these may be called again; 0 where they may."""
        if not self._until:
            return 0.0
        return max(0.0, max((self._until.get(scope, 0.0) for scope in scopes), default=0.0) - self._clock())
