"""What the rooms above the storage share: the sandbox's state, clock and settings."""

from collections.abc import Callable
from dataclasses import dataclass

from relay_sandbox.schema.texts import Links
from relay_sandbox.storage.state import State


@dataclass(frozen=True)
class SandboxContext:
    """What all who work on the sandbox's records share.

    speed   divides every duration that is asked for
    """

    state: State
    clock: Callable[[], float]
    links: Links
    speed: float = 1.0
