"""How this process is doing, once a second: its loop, its memory, its processor time."""

import asyncio
import contextlib
import os
import time
from pathlib import Path

from relay import __version__, metrics

PERIOD = 1.0  # seconds
STATM = Path("/proc/self/statm")
PAGE = os.sysconf("SC_PAGE_SIZE")


class Vitals:
    """prometheus_client's own figures of a process are not there with several; these are, added up."""

    def __init__(self) -> None:
        self._cpu = 0.0
        metrics.build_info.labels(__version__).set(1)

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PERIOD
            await asyncio.sleep(PERIOD)
            self.look(lag=loop.time() - due)

    def look(self, *, lag: float) -> None:
        """`lag`: by how many seconds the loop was late."""
        metrics.hand_on()
        metrics.loop_lag.observe(max(0.0, lag))
        used, self._cpu = self._cpu, time.process_time()
        metrics.cpu_seconds.inc(self._cpu - used)
        with contextlib.suppress(OSError):  # no Linux
            metrics.resident_memory.set(int(STATM.read_text("ascii").split()[1]) * PAGE)
