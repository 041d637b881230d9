"""A real message to each address of a destination, marked as a test, and what the other side answered."""

import asyncio
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from relay.config import Config
from relay.domain.deliveries import Kind, Notification
from relay.domain.events import Event
from relay.errors import RelayError
from relay.operating.example_events import example_event
from relay.policy.destinations import Destination, zone_at
from relay.rendering import IsolatedRenderer
from relay.rendering.formats import format_of
from relay.rendering.translations import TEST


@dataclass(frozen=True)
class Sent:
    """What became of the message to one address: the answer, or the error with what to do about it."""

    address: str
    answer: str = ""
    error: str = ""


@dataclass(frozen=True)
class Trial:
    """What was sent. `event` is what it tells of, `fault` why it is in relay's own wording, where a template failed."""

    destination: str
    channel: str
    event: str
    kind: Kind
    language: str
    fault: str
    sent: tuple[Sent, ...]

    @property
    def reached(self) -> int:
        return sum(not row.error for row in self.sent)

    @property
    def outcome(self) -> str:
        """For the audit trail."""
        return f"reached {self.reached} of {len(self.sent)}"


async def send_test(
    destination: Destination,
    config: Config,
    channel: Any,
    renderer: IsolatedRenderer,
    *,
    note: str,
    now: datetime,
    patience: float,
    event: str = "",
) -> Trial:
    """Send each address one by this open channel, all at once. No rule, no pause and no quiet hours are asked.

    `note` is the sentence of `relay.rendering.translations` at its top, `patience` the seconds that each may take,
    `event` the sample that it tells of ('': the usual one). WrongEvent if there is none of this name.
    """
    language = destination.language or config.language
    moment = now.replace(microsecond=0)
    key = f"test-{secrets.token_hex(6)}"
    kind, sample = await asyncio.to_thread(  # which reads files
        example_event, event, destination, config, renderer.renderer.directories, now=moment, key=key
    )
    rendered = await renderer.message(
        destination.channel,
        kind,
        sample,
        (sample,),
        language=language,
        timezone=zone_at(destination, config.destination_defaults),
        now=moment,
        destination=destination.name,
    )
    mark, sentence = (renderer.translated(text, language) for text in (TEST, note))
    content: Mapping[str, Any] = format_of(destination.channel).marked(rendered.content, mark, sentence)
    if not getattr(channel, "renders", True):  # it takes the event itself
        content = {**sample.document, "test": sentence}
    notifications = _notifications(destination, kind, sample, content, language)
    sent = await asyncio.gather(*(_answered(channel, notification, patience) for notification in notifications))
    return Trial(destination.name, destination.channel, sample.name, kind, language, rendered.fault, tuple(sent))


def _notifications(
    destination: Destination, kind: Kind, event: Event, content: Mapping[str, Any], language: str
) -> list[Notification]:
    return [
        Notification(
            delivery=f"{event.subject}-{number}", destination=destination.name, address=address, kind=kind,
            content=content, subject=event.subject, event=event.name, created_at=event.occurred_at, language=language,
            labels=event.labels,
        )
        for number, address in enumerate(destination.addresses, start=1)
    ]  # fmt: skip


async def _answered(channel: Any, notification: Notification, patience: float) -> Sent:
    try:
        async with asyncio.timeout(patience):
            receipt = await channel.send(notification)
    except TimeoutError:
        return Sent(notification.address, error=f"no answer within {patience:g} s; it may arrive all the same")
    except RelayError as error:
        return Sent(notification.address, error=str(error))
    return Sent(notification.address, answer=receipt.detail)
