"""Test messages: a real one to each address of a destination, of a sample as if it had happened just now."""

import asyncio
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from relay.config import Config
from relay.configfile.words import suggest
from relay.domain import documents
from relay.domain.deliveries import Kind, Notification
from relay.domain.events import Event
from relay.domain.parsing import parse
from relay.errors import RelayError
from relay.formats.times import iso_of
from relay.policy.destinations import Destination, zone_at
from relay.rendering import IsolatedRenderer
from relay.rendering.digests import ROUND_UPS
from relay.rendering.formats import format_of
from relay.rendering.samples import sample_bodies
from relay.rendering.translations import TEST

USUAL = "operation.completed"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d")
SECONDS, NEAR = 11, timedelta(days=30)  # digits, of more are milliseconds; from the body's own time
_DATE = re.compile(r"\d{4}-\d\d-\d\d")


@dataclass(frozen=True)
class TriedAddress:
    """One address: the answer of the other side, or the error."""

    address: str
    answer: str
    error: str


@dataclass(frozen=True)
class Trial:
    """A test message. `event` is what it tells of, `fault` why it is in relay's own wording."""

    event: str
    fault: str
    sent: tuple[TriedAddress, ...]

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
    """Send one test message to each address, whatever rules and pauses say. WrongEvent for an unknown `event`."""
    language = destination.language or config.language
    moment = now.replace(microsecond=0)
    key = f"test-{secrets.token_hex(6)}"
    kind, sample = await asyncio.to_thread(  # which reads files
        example_event, event, destination, config, renderer.renderer.directories, now=moment, key=key
    )
    mark, sentence = (renderer.translated(text, language) for text in (TEST, note))
    content: Mapping[str, Any] = {**sample.document, "test": sentence}  # for a channel that takes the event itself
    fault = ""
    if getattr(channel, "renders", True):
        templates = getattr(channel, "templates", destination.channel)
        rendered = await renderer.message(
            templates,
            kind,
            sample,
            (sample,),
            language=language,
            timezone=zone_at(destination, config.destination_defaults),
            now=moment,
            destination=destination.name,
        )
        content, fault = format_of(templates).marked(rendered.content, mark, sentence), rendered.fault
    notifications = _notifications(destination, kind, sample, content, language)
    sent = await asyncio.gather(*(_answered(channel, notification, patience) for notification in notifications))
    return Trial(sample.name, fault, tuple(sent))


def _notifications(
    destination: Destination, kind: Kind, event: Event, content: Mapping[str, Any], language: str
) -> list[Notification]:
    return [
        Notification(
            delivery=f"{event.subject}-{number}", destination=destination.name, address=address, kind=kind,
            content=content, subject=event.subject, event=event.name, created_at=event.occurred_at, language=language,
            labels=event.filters,
        )
        for number, address in enumerate(destination.addresses, start=1)
    ]  # fmt: skip


async def _answered(channel: Any, notification: Notification, patience: float) -> TriedAddress:
    try:
        async with asyncio.timeout(patience):
            receipt = await channel.send(notification)
    except TimeoutError:
        return TriedAddress(notification.address, "", f"no answer within {patience:g} s; it may arrive all the same")
    except RelayError as error:
        return TriedAddress(notification.address, "", str(error))
    return TriedAddress(notification.address, receipt.detail, "")


class WrongEvent(RelayError):
    """There is no such sample, or the destination gets no message of it."""


def example_event(
    name: str, destination: Destination, config: Config, directories: Sequence[Path], *, now: datetime, key: str
) -> tuple[Kind, Event]:
    """Return the kind of message that the destination gets of this sample, and the event. `key` is its run's, so that
    no mail program takes one test for the continuation of another."""
    digests = destination.mode == "digest"
    chosen = name or ("digest" if digests else USUAL)
    bodies = sample_bodies(directories)
    if chosen not in bodies:
        raise WrongEvent(f"there is no sample of {chosen}; {suggest(chosen, bodies)}")
    if digests != (chosen == "digest"):
        gets = "gets digests alone: leave --event out" if digests else "has no mode: digest, so it gets none"
        raise WrongEvent(f"{destination.name} {gets}")
    body: dict[str, Any] = moved(bodies[chosen], now, documents.moment(bodies[chosen].get("timestamp")))
    if chosen in ROUND_UPS:
        return chosen, Event(id=key, name=chosen, source="relay", occurred_at=now, received_at=now, document=body)  # type: ignore[return-value]
    origin = {"tenantId": config.platform.tenant, "projectId": config.platform.project}
    body |= {field: value for field, value in origin.items() if value}
    for part, field in (("operation", "operationId"), ("batch", "batchId")):
        if part in body:
            body[part] |= {field: f"{part}-{key}"}
    event = parse(body, source="relay", received_at=now, default_event=chosen)
    return ("live" if destination.mode in ("live", "outcomes") else "each"), event


def moved(body: Any, now: datetime, own: datetime | None) -> Any:
    """Return the body with its `own` time now, and every other time as far from it; as it is without one.

    Beside ISO 8601 a time is what is written in another form, such as seconds, and is near the body's own.
    """

    def walk(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item) for item in value]
        return _moved(value, own, now - own) if own else value

    return walk(body)


def _moved(value: Any, own: datetime, by: timedelta) -> Any:
    text = value if isinstance(value, str) else ""
    try:
        if _DATE.fullmatch(text):
            days = timedelta(days=round(by / timedelta(days=1)))
            return (datetime.fromisoformat(text) + days).date().isoformat()
        if _TIME.match(text):
            return (datetime.fromisoformat(text) + by).replace(microsecond=0).isoformat()
        stated = iso_of(value)
        if not stated or abs(datetime.fromisoformat(stated) - own) > NEAR:
            return value
        if text and not text.isdigit():
            return (datetime.fromisoformat(stated) + by).replace(microsecond=0).isoformat()
        milliseconds = len(f"{value}".partition(".")[0]) > SECONDS
        return type(value)(round(float(value) + by.total_seconds() * (1000 if milliseconds else 1)))
    except (ValueError, OverflowError):  # it only looks like one
        return value
