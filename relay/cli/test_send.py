"""relay test-send: a real message to one destination, marked as a test, and what the other side answered."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from relay.channels import CHANNELS
from relay.cli.actor import actor
from relay.cli.example_events import WrongEvent, example_event
from relay.cli.formatting import print_json
from relay.cli.logs import configure
from relay.cli.options import config_option, json_option, refuse, visible
from relay.config import Config, load
from relay.configfile.validation import suggest
from relay.coordinator import build_channels, build_renderer, build_sealer
from relay.domain.deliveries import Kind, Notification, labels_of
from relay.domain.events import Event
from relay.errors import RelayError
from relay.policy.destinations import Destination, zone_at
from relay.rendering.formats import format_of
from relay.rendering.notices import TEST, TEST_NOTE
from relay.store.audit import COMMAND, Act, AuditTrail
from relay.store.client import connect
from relay.store.embedded.server import running_url

PATIENCE = 60.0  # seconds for each address
STORE_WITHIN = 2.0  # seconds for the store to write down that there was a test


@dataclass(frozen=True)
class Sent:
    """What became of the message to one address: the answer, or the error with what to do about it."""

    address: str
    answer: str = ""
    error: str = ""


@click.command("test-send", short_help="Send a destination a message that is marked as a test.")
@click.argument("name", metavar="DESTINATION")
@click.option("--event", default="", metavar="NAME",
              help="What it tells of, for instance operation.failed or batch.completed; else operation.completed, "
                   "and a digest where DESTINATION gets digests.")  # fmt: skip
@config_option
@json_option
def test_send(name: str, event: str, config: Path, *, as_json: bool) -> None:
    """Send every address of DESTINATION one real message, marked as a test, with the configuration's own channel,
    templates and language, and say what the other side answered: Slack's permalink, or the mail server's answer.

    Nobody is called in it, no rule and no quiet hours are asked, and no running relay is needed: where one runs, all
    that is stored is that there was a test (`relay audit`). A mail server's yes says that it has the mail, not that it
    came.

    Leaves with 0 if each address was reached, with 1 if one was not, with the reason and what to do.
    """
    configure(machine=False, level="warning")
    try:
        settings = load(config, env=os.environ, channels=CHANNELS)
    except RelayError as error:
        refuse(error)
    if name not in settings.destinations:
        problem = f"there is no destination {name}; {suggest(name, settings.destinations)}"
        raise click.BadParameter(problem, param_hint="DESTINATION")
    try:
        facts = asyncio.run(_audited(settings, settings.destinations[name], event))
    except WrongEvent as error:
        raise click.BadParameter(str(error), param_hint="--event") from None
    except (RelayError, OSError) as error:
        refuse(error)
    if as_json:
        print_json(facts)
    else:
        _print(facts)
    if any(row["error"] for row in facts["sent"]):
        raise SystemExit(1)


async def _audited(config: Config, destination: Destination, event: str) -> dict[str, Any]:
    """Written down where a relay with this configuration has its store; a test needs none, so it waits for none."""
    who, more = actor(os.environ)
    act, first, redis, trail = Act(who, "test-send", destination.name, more), "", None, None
    with contextlib.suppress(RelayError, TimeoutError):
        async with asyncio.timeout(STORE_WITHIN):
            if url := config.redis.url or await running_url(config.data_dir):
                redis = connect(url)
                trail = AuditTrail(redis, build_sealer(config), via=COMMAND)
                first = await trail.begin(act)
    try:
        facts = await _test(config, destination, event)
        reached = sum(not row["error"] for row in facts["sent"])
        act.outcome = f"reached {reached} of {len(facts['sent'])}"
        return facts
    finally:
        act.outcome = act.outcome or "failed"
        if redis:
            if trail and first:
                await trail.end(first, act)
            await redis.aclose()


async def _test(config: Config, destination: Destination, name: str) -> dict[str, Any]:
    renderer = build_renderer(config)
    channels = {key: channel for key, channel in build_channels(config).items() if key == destination.channel}
    language = destination.language or config.language
    now = datetime.now(UTC).replace(microsecond=0)
    try:
        key = f"test-{secrets.token_hex(6)}"
        kind, event = example_event(name, destination, config, renderer.renderer.directories, now=now, key=key)
        rendered = await renderer.message(
            destination.channel, kind, event, (event,), language=language,
            timezone=zone_at(destination, config.destination_defaults), now=now, destination=destination.name,
        )  # fmt: skip
        mark, note = (renderer.translated(text, language) for text in (TEST, TEST_NOTE))
        content = format_of(destination.channel).marked(rendered.content, mark, note)
        if not getattr(CHANNELS[destination.channel], "renders", True):  # it takes the event itself
            content = {**event.document, "test": note}
        notifications = _notifications(destination, kind, event, content, language)
        sent = [asdict(row) async for row in _sent(channels[destination.channel], notifications)]
    finally:
        await renderer.aclose()
        for channel in channels.values():
            await channel.aclose()
    return {
        "destination": destination.name, "channel": destination.channel, "event": event.name, "kind": kind,
        "language": language, "fault": rendered.fault, "sent": sent,
    }  # fmt: skip


def _notifications(
    destination: Destination, kind: Kind, event: Event, content: dict[str, Any], language: str
) -> list[Notification]:
    return [
        Notification(
            delivery=f"{event.subject}-{number}", destination=destination.name, address=address, kind=kind,
            content=content, subject=event.subject, event=event.name, created_at=event.occurred_at, language=language,
            labels=labels_of(event),
        )
        for number, address in enumerate(destination.addresses, start=1)
    ]  # fmt: skip


async def _sent(channel: Any, notifications: list[Notification]) -> AsyncIterator[Sent]:
    for notification in notifications:
        try:
            async with asyncio.timeout(PATIENCE):
                receipt = await channel.send(notification)
            yield Sent(notification.address, answer=receipt.detail)
        except TimeoutError:
            yield Sent(notification.address, error=f"no answer within {PATIENCE:g} s; it may arrive all the same")
        except RelayError as error:
            yield Sent(notification.address, error=str(error))


def _print(facts: dict[str, Any]) -> None:
    for row in facts["sent"]:
        click.echo(visible(f"{row['address']}: {row['error'] or row['answer']}"), err=bool(row["error"]))
    if facts["fault"]:
        click.echo(visible(f"a template failed, so this is relay's own wording: {facts['fault']}"), err=True)
