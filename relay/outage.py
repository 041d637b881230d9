"""A Redis that is away, in few lines of the log: when it goes, once a minute while it lasts, and when it is back.

Every call that Redis does not answer is reported here, many times a second; only `Health` knows that all is well.
"""

import time
from collections.abc import Callable

import structlog

log = structlog.get_logger(__name__)

EVERY = 60.0  # seconds between two lines while it lasts
CALM = 3.0  # seconds without a failure until it is over: a call that was under way may still fail after others succeed
CROWDED = 0.8  # of Redis's maxmemory: from here on progress without a message is left to its sender
FULL = 0.9  # from here on nothing is taken
MEANING = "events are answered 503, so that their senders try again; what is queued stays queued"


class Outage:
    """Begins with a failure, and ends with success that lasts. `clock` is in seconds, from any moment on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: float | None = None
        self._last_failure = 0.0
        self._last_line = 0.0
        self.failures = 0

    def failed(self, reason: str) -> None:
        """Something could not be done because of Redis. A warning at first, for it may be a hiccup; then an error."""
        now = self._clock()
        self._last_failure = now
        self.failures += 1
        if self._begun is None:
            self._begun = self._last_line = now
            log.warning("redis.unavailable", reason=reason, meaning=MEANING)
        elif now - self._last_line >= EVERY:
            self._last_line = now
            log.error("redis.still_unavailable", reason=reason, seconds=round(now - self._begun),
                      failures=self.failures, meaning=MEANING)  # fmt: skip

    def worked(self) -> None:
        """Redis answers, takes what is written, and keeps its promise."""
        if self._begun is not None and self._clock() - self._last_failure >= CALM:
            log.warning("redis.returned", seconds=round(self._last_failure - self._begun, 1), failures=self.failures)
            self._begun, self.failures = None, 0


def full(fullness: float) -> str:
    """Return why Redis takes no more, before it is full itself: what is queued needs room to be delivered."""
    if fullness < FULL:
        return ""
    return f"Redis uses {fullness:.0%} of its maxmemory, more than {FULL:.0%}: no event is taken"


def room_in(shortfall: str, fullness: float) -> tuple[bool, dict[str, str]]:
    """Return whether a store takes events that is so full, and what it lacks, by name."""
    lacks = {}
    if shortfall:
        lacks["durability"] = shortfall
    if fullness >= CROWDED:
        lacks["memory"] = full(fullness) or (
            f"Redis uses {fullness:.0%} of its maxmemory: progress that nobody waits for is answered 503"
        )
    return not shortfall and not full(fullness), lacks
