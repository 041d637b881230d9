"""The sandbox's state, clock and settings, shared by all above the storage."""

from collections.abc import Callable
from dataclasses import dataclass

from relay_sandbox.schema.texts import Links
from relay_sandbox.storage.state import State


@dataclass(frozen=True)
class SandboxContext:
    """The context of all that works on the sandbox's records.

    speed   divides every duration that is asked for
    """

    state: State
    clock: Callable[[], float]
    links: Links
    speed: float = 1.0
