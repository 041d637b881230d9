"""Why relay cannot answer, in few lines of the log: a Redis that is away, or an event loop that is held.

Every call that Redis does not answer is reported here, many times a second; only `Health` knows that all is well. The
log has when it goes, once a minute while it lasts, and when it is back. While the loop is held, time-outs run out that
say nothing of Redis.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog

log = structlog.get_logger(__name__)

EVERY = 60.0  # seconds between two lines while it lasts
CALM = 3.0  # seconds without a failure until it is over: a call that was under way may still fail after others succeed
CROWDED = 0.8  # of Redis's maxmemory: from here on progress without a message is left to its sender
FULL = 0.9  # from here on nothing is taken
LOOK = 0.1  # seconds between two looks
BLOCKED = 0.5  # seconds by which one comes too late
LONG = 0.1  # seconds of work without a pause, whose cause is noted
BUSY = 0.5  # part of the time in which this process computed; below it the machine was busy, or the process stopped
EXCUSED = 0.5  # seconds after the loop was held, in which nothing is the fault of Redis
MEANING = "events are answered 503, so that their senders try again; what is queued stays queued"


class Outage:
    """Begins with a failure, and ends with success that lasts. `clock` is in seconds, from any moment on."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._begun: float | None = None
        self._excused = float("-inf")
        self._last_failure = 0.0
        self._last_line = 0.0
        self.failures = 0

    def failed(self, reason: str) -> None:
        """Something could not be done because of Redis. A warning at first, for it may be a hiccup; then an error."""
        now = self._clock()
        if now - self._excused < EXCUSED:
            return
        self._last_failure = now
        self.failures += 1
        if self._begun is None:
            self._begun = self._last_line = now
            log.warning("redis.unavailable", reason=reason, meaning=MEANING)
        elif now - self._last_line >= EVERY:
            self._last_line = now
            log.error("redis.still_unavailable", reason=reason, seconds=round(now - self._begun),
                      failures=self.failures, meaning=MEANING)  # fmt: skip

    def excuse(self) -> None:
        """The event loop was held: what fails by that fails at once, and not because of Redis."""
        self._excused = self._clock()

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


@contextmanager
def watching(
    outage: Outage, clock: Callable[[], float] = time.monotonic, computed: Callable[[], float] = time.thread_time
) -> Iterator[Outage]:
    """Report the running event loop where it is held, and excuse what fails by that. `computed`: seconds of CPU."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle

    def look(due: float, before: float) -> None:
        nonlocal timer
        global _longest  # noqa: PLW0603 - a process has one loop
        if (late := clock() - due) >= BLOCKED:
            computing = (cpu := computed() - before) >= BUSY * late
            log.error("loop.blocked", seconds=round(late, 1), cpu=round(cpu, 1), **(_longest[1] if computing else {}),
                      meaning="relay itself computed" if computing else "the machine was busy, or this process stopped",
                      )  # fmt: skip
            outage.excuse()
        _longest = 0.0, {}
        timer = later()

    def later() -> asyncio.TimerHandle:  # a callback and not a task: it comes before time-outs that ran out meanwhile
        return loop.call_later(LOOK, look, clock() + LOOK, computed())

    timer = later()
    try:
        yield outage
    finally:
        timer.cancel()


_longest: tuple[float, dict[str, Any]] = (0.0, {})  # since the last look


def note(began: float, **whose: Any) -> None:
    """Remember whose work this was, if it is the longest since the last look. `began`: time.perf_counter()."""
    global _longest  # noqa: PLW0603
    seconds = time.perf_counter() - began
    if seconds > _longest[0]:
        _longest = seconds, whose
