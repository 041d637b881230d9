"""Pauses and failures that this process has just met, for deliveries that it claimed before the store knew of them.

Under one limit one call is under way at a time: nothing leaves before Retry-After because it was on its way already.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from weakref import WeakValueDictionary

from relay.store.settling import Pause

PATIENCE = 1.0  # seconds that a delivery waits for its turn: what waits longer takes the place of others
WITNESS = 60.0  # seconds within which another message has to fail as well, before a channel counts as broken


class Brakes:
    """Local pauses by scope. `clock` is in seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held: dict[str, tuple[float, float]] = {}  # by scope, until when, and for what was claimed by when
        self._failed: dict[str, tuple[float, str]] = {}  # by scope, the last failure since something got through
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @contextlib.asynccontextmanager
    async def turn(self, limits: Iterable[str]) -> AsyncIterator[bool]:
        """Wait until nothing else is under way under these limits; False where that takes too long."""
        async with contextlib.AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(PATIENCE):
                    for name in sorted(limits):  # in one order, so that no two wait for each other
                        await stack.enter_async_context(self._turns.setdefault(name, asyncio.Lock()))
            except TimeoutError:
                yield False
                return
            yield True

    def failed(self, scope: str, lane: str) -> bool:
        """Take note of a failure, and return whether another message failed there too, with no success in between."""
        now, (at, by) = self._clock(), self._failed.get(scope, (0.0, lane))
        self._failed[scope] = now, lane
        return by != lane and now - at <= WITNESS

    def apply(self, pauses: Iterable[Pause], *, witnessed: bool) -> None:
        """Hold back claimed deliveries from scopes that are paused."""
        for pause in pauses:
            if witnessed or not pause.witnessed:
                self.hold(pause.scope, pause.seconds)

    def hold(self, scope: str, seconds: float) -> None:
        """Hold back for so long what is claimed by now; the store holds back the rest."""
        now = self._clock()
        self._held = {held: (until, by) for held, (until, by) in self._held.items() if until > now}
        self._held[scope] = max(self._held.get(scope, (0.0, 0.0))[0], now + seconds), now

    def works(self, scope: str) -> None:
        """Take note of a success."""
        self._held.pop(scope, None)
        self._failed.pop(scope, None)

    def wait(self, scopes: Iterable[str], claimed: float) -> float:
        """Return the seconds until all of these may be called again by what was claimed then; 0 where they may."""
        held = (self._held[scope] for scope in scopes if scope in self._held)
        return max(0.0, max((until for until, by in held if claimed <= by), default=0.0) - self._clock())
