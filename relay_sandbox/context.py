"""What the rooms above the storage share: the sandbox's state, clock and settings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from relay_sandbox.runner import Runner
from relay_sandbox.schema.links import Links
from relay_sandbox.storage.state import State


@dataclass(frozen=True)
class SandboxContext:
    """What all who work on the sandbox's records share.

    speed     divides every duration that is asked for
    runners   operation type → what really does such an operation
    """

    state: State
    clock: Callable[[], float]
    links: Links
    speed: float = 1.0
    runners: Mapping[str, Runner] = field(default_factory=dict)
