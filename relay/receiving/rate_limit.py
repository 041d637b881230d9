"""How often a source may send, or a link be opened. Pure."""

from relay.receiving.sources import RateLimit


class RateLimiter:
    """A token bucket per source and process: a burst of `count`, refilled evenly within `period`.

    Kept as one time per source, when its bucket will be full again: the generic cell rate algorithm. Of more than
    `most` those that are full again are forgotten, which changes nothing; if that does not help, all are.
    """

    def __init__(self, most: int = 10_000) -> None:
        self._most = most
        self._full_at: dict[str, float] = {}

    def wait(self, source: str, limit: RateLimit, now: float) -> float:
        """Seconds until the source may send again; 0.0 lets this request pass, and counts it."""
        token = limit.period / limit.count  # seconds that refill one
        full_at = max(self._full_at.get(source, now), now)
        if full_at > now + limit.period:  # the clock was set back, or the limit changed: begin anew
            full_at = now
        wait = full_at + token - limit.period - now
        if wait > token * 1e-6:  # more than rounding
            return wait
        if source not in self._full_at and len(self._full_at) >= self._most:
            emptied = {name: until for name, until in self._full_at.items() if until > now}
            self._full_at = emptied if len(emptied) < self._most else {}
        self._full_at[source] = full_at + token
        return 0.0
