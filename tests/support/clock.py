"""Time that tests own."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch


class Clock:
    """Seconds since the epoch, moved by hand. Call it to read it."""

    def __init__(self, now: float = 1_705_749_600.0) -> None:  # 2024-01-20T11:20:00Z, inside the seed's own day
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@contextmanager
def loop_ahead(seconds: float) -> Iterator[None]:
    """Let the clock of the running loop, by which its time-outs end, be so much ahead."""
    loop = asyncio.get_running_loop()
    real = loop.time
    with patch.object(loop, "time", lambda: real() + seconds):
        yield
