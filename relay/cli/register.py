"""relay register: tell the platform where this relay is, once."""

import asyncio
import os
from pathlib import Path

import click

from relay.channels import CHANNELS
from relay.cli.options import config_option, json_option, print_json
from relay.config import Config, load
from relay.domain.events import BATCH_EVENTS, OPERATION_EVENTS
from relay.errors import RelayError
from relay.platform.lookups import client_of
from relay.platform.models import Filters, RegisterWebhook
from relay.platform.registration import Registered, request
from relay.platform.registration import register as register_at
from relay.platform.settings import REGISTERED

OUTCOMES = {
    "unchanged": "already registered as {id}; nothing to change",
    "registered": "registered as {id}",
    "replaced": "registered as {id}, in place of {old}",
}


@click.command()
@config_option
@click.option("--source", default=REGISTERED, show_default=True, metavar="NAME",
              help="The configured source that receives the events.")  # fmt: skip
@click.option("--dry-run", is_flag=True, help="Only show what would be done.")
@json_option
def register(config: Path, *, source: str, dry_run: bool, as_json: bool) -> None:
    """Register relay's webhook at the platform, or update it: all events of operations and batches, and the secret.

    It is found by its address, so a second run changes nothing. Rules decide what people are told of, so a change of
    the rules needs no new registration.
    """
    settings = load(config, env=os.environ, channels=CHANNELS)
    requested = webhook(settings, source, str(config))
    done = asyncio.run(_register(settings, requested, dry_run=dry_run))
    if as_json:
        print_json({"outcome": done.outcome, "dry_run": dry_run, "webhookId": done.webhook.webhook_id,
                    "webhookUrl": requested.webhook_url, "events": [*requested.events],
                    "replaced": [*done.replaced]})  # fmt: skip
        return
    text = OUTCOMES[done.outcome].format(id=done.webhook.webhook_id or "a new webhook", old=", ".join(done.replaced))
    click.echo(f"{requested.webhook_url}: {'would be ' if dry_run and done.outcome != 'unchanged' else ''}{text}")
    if not done.certain:
        click.echo("This platform does not list its webhooks: an older one may still report here, which does no harm.")


def webhook(config: Config, source: str, file: str) -> RegisterWebhook:
    """Return what to register for this configuration. RelayError says what it lacks."""
    settings = config.sources.get(source)
    if settings is None:
        raise RelayError(f"{file}: sources: expected {source}, found {', '.join(config.sources)}; or say --source")
    if settings.signature.scheme != "hmac-sha256":
        raise RelayError(f"{file}: sources.{source}.signature.scheme: the platform signs with hmac-sha256, and this "
                         f"source expects {settings.signature.scheme}")  # fmt: skip
    if not config.server.public_url:
        raise RelayError(f"{file}: server.public_url: expected the address at which the platform reaches this relay")
    missing = [key for key in ("base_url", "tenant", "project") if not getattr(config.platform, key)]
    if missing:
        raise RelayError(f"{file}: platform.{missing[0]}: expected where the platform and its project are")
    secret = next(iter(settings.signature.secrets.values())).get_secret_value()
    address = f"{config.server.public_url.rstrip('/')}/webhooks/{source}"
    return request(address, secret, Filters(), (*OPERATION_EVENTS, *BATCH_EVENTS))


async def _register(config: Config, requested: RegisterWebhook, *, dry_run: bool) -> Registered:
    async with client_of(config.platform) as client:
        return await register_at(client, requested, dry_run=dry_run)
