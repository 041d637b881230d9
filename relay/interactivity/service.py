"""Buttons by the current configuration: which there are, and who may press them."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from relay.config import Config
from relay.domain.deliveries import Accepted, Delivery, Target
from relay.domain.events import Event
from relay.domain.links import Person, Presser
from relay.domain.tokens import Signing
from relay.errors import handling
from relay.interactivity.buttons import (
    CHANNEL,
    Button,
    action_completed,
    action_targets,
    buttons_for,
    enabled_actions,
    interactive_settings,
    may_press,
    press_transport,
)
from relay.rendering import IsolatedRenderer


@dataclass(eq=False)
class Interactivity:
    """Buttons for endpoint, executor and composer. `accept` makes an event durable; raises as Ingest does."""

    config: Callable[[], Config]
    renderer: Callable[[], IsolatedRenderer]
    kinds: Mapping[str, Any]  # all channels by name
    channels: Mapping[str, Any]  # the open ones
    signing: Signing
    accept: Callable[[Event, tuple[Target, ...]], Awaitable[Accepted]]
    clock: Callable[[], float]

    def signing_secret(self) -> bytes:
        """Return Slack's signing secret; empty where no presses come by HTTP."""
        config = self.config()
        settings = interactive_settings(config) if press_transport(config) == "http" else None
        return settings.signing_secret.get_secret_value().encode() if settings else b""

    async def buttons(self, delivery: Delivery) -> list[dict[str, str]]:
        """Return the buttons under the message of this delivery, as templates get them; none without a secret."""
        config = self.config()
        if not enabled_actions(config) or not self.signing.available:
            return []
        return list(buttons_for(delivery, config, self.signing))

    async def is_allowed(self, button: Button, presser: Presser) -> Person | None:
        """Return the person who pressed, if they may. Raises DeliveryError."""
        person: Person | None = await self.channels[CHANNEL].is_allowed(presser, may_press(button, self.config()))
        return person

    async def post_ephemeral(self, conversation: str, user: str, text: str, destination: str) -> None:
        """Show a text to this person alone, in the language of the destination, if there is one of this name."""
        config = self.config()
        settings = config.destinations.get(destination)
        language = (settings and settings.language) or config.language
        await self.channels[CHANNEL].post_ephemeral(conversation, user, self.renderer().translated(text, language))

    async def ingest(self, event: Event) -> Accepted:
        """Make a press or its outcome durable with the button's target; rules do not apply."""
        with handling():
            targets = action_targets(event, self.config(), self.kinds)
        return await self.accept(event, targets)

    async def report(self, action: Mapping[str, Any], outcome: Mapping[str, Any]) -> Accepted:
        """Make the outcome of a press durable."""
        return await self.ingest(action_completed(action, outcome, datetime.fromtimestamp(self.clock(), UTC)))
