"""Patience of a test: far longer than anything takes, and longer still on a busy machine.

It is no promise of relay's. It only ends a test that would hang, and so it costs nothing as long as all is well. A
time that relay promises is written where it is tested, and does not stretch.
"""

import os

PATIENCE = 45.0  # seconds on a machine at rest; less than pytest gives a whole test, so that the wait is what fails


def busyness() -> float:
    """Return the ready processes per processor, over the last minute; at least as many as run these tests."""
    together = float(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    return max(1.0, max(os.getloadavg()[0], together) / len(os.sched_getaffinity(0)))


def patience(seconds: float = PATIENCE) -> float:
    """So many seconds of a machine at rest, in seconds of this one as it is now."""
    return seconds * busyness()
