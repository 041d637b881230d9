"""Two or more ways to do the same, measured in turns."""

import gc
import time
from collections.abc import Callable, Sequence


def least(ways: Sequence[Callable[[], object]], rounds: int, calls: int) -> list[float]:
    """The microseconds of CPU that one call of each takes, in its best round."""
    for way in ways:  # the first call compiles
        way()
    best = [float("inf")] * len(ways)
    gc.disable()
    for _ in range(rounds):
        for number, way in enumerate(ways):
            begun = time.process_time()
            for _ in range(calls):
                way()
            best[number] = min(best[number], (time.process_time() - begun) / calls * 1e6)
        gc.collect()
    gc.enable()
    return best
