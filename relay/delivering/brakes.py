"""Pauses that this process has just learned of: what it holds already is not sent into them.

The store keeps them for all processes; what was claimed before that must not leave before Retry-After either.
"""

from collections.abc import Callable, Iterable

from relay.store.settling import Pause

IN_HAND = 3.0  # seconds from a claim until what was claimed is sent; from then on the store's own pause holds


class Brakes:
    """`clock` is in seconds since the epoch."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._until: dict[str, float] = {}

    def apply(self, pauses: Iterable[Pause]) -> None:
        """Remember those that surely are in force."""
        now = self._clock()
        self._until = {scope: until for scope, until in self._until.items() if until > now}
        for pause in pauses:
            if not pause.witnessed:
                until = now + min(pause.seconds, IN_HAND)
                self._until[pause.scope] = max(self._until.get(pause.scope, 0.0), until)

    def release(self, *scopes: str) -> None:
        """Forget what something got through."""
        for scope in scopes:
            self._until.pop(scope, None)

    def wait(self, scopes: Iterable[str]) -> float:
        """Return the seconds until all of these may be called again; 0 where they may."""
        if not self._until:
            return 0.0
        return max(0.0, max((self._until.get(scope, 0.0) for scope in scopes), default=0.0) - self._clock())
