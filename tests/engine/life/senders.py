"""The platform of every life, whose operations also ask for readers of their own."""

from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.engine.life.configurations import ASKING
from tests.engine.life.platform import Message, Platform


class Sender:
    """Makes the next message to arrive at relay."""

    def __init__(self, pick: Random, clock: Callable[[], float]) -> None:
        self.platform = Platform(pick, clock)

    def message(self) -> Message:
        message = self.platform.message()
        operation = message.document.get("operation")
        if operation and operation.get("priority") in ("Critical", "Low"):
            asking = operation | {"notifications": {"email": [ASKING]}}
            return replace(message, document=message.document | {"operation": asking})
        return message


__all__ = ["Message", "Sender"]
