"""What `relay serve` does without or does later, so that it starts soon and stays small: the one list, with reasons.

Without, in this module:
- rich: structlog imports it for tracebacks in colour, and relay logs no tracebacks. 5 MB, 25 ms.
- the garbage collector, while relay is imported: next to nothing of that is ever garbage. 35 ms, and no full
  collection has to look at it again, so that a busy relay pauses for less.

- OpenTelemetry, where it is installed and nobody asked for traces: redis-py imports its metrics, which relay does not
  use. 2 MB, 20 ms.

Without, elsewhere:
- pydantic's validators of what is only a part of something, or of a document of the platform's that never comes
  (`defer_build` in relay/configfile/validation.py and relay/platform/models.py). 40 ms.

Later:
- what relay's messages share is compiled, or read from `data_dir`, by a thread once it is ready. 0.7 s, or 15 ms.
- what opens a connection for presses (relay/channels/slack/socket.py): 12 ms that those without one never need.
- what puts styles into a mail's elements (relay/rendering/template_set.py): 1.5 MB that a relay without mails
  never needs.

All other libraries that serving needs are imported before relay listens. None is left for the first event or the first
message: importing one holds up the loop for 10 to 30 ms, and everybody whose event comes meanwhile.
"""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["absent", "collecting_nothing", "structlog"]

# An event makes some hundred objects, and hardly any of them is in a circle: looked through less often, they cost a
# busy relay 1 % of its time instead of 5.
SELDOM = (20_000, 20, 20)


@contextmanager
def absent(name: str) -> Iterator[None]:
    """As if this were not installed, unless it is imported already."""
    if name in sys.modules:
        yield
        return
    sys.modules[name] = None  # type: ignore[assignment] # https://docs.python.org/3/reference/import.html#the-module-cache
    try:
        yield
    finally:
        del sys.modules[name]


with absent("rich"):
    import structlog


@contextmanager
def collecting_nothing() -> Iterator[None]:
    """Nothing is looked through for garbage meanwhile, nor is it ever again."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.set_threshold(*SELDOM)
        gc.enable()
