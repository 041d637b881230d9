"""relay register and relay slack manifest: what the platform and Slack have to know of this configuration."""

import asyncio
import io
import os
from collections.abc import Iterable
from pathlib import Path

import click
from ruamel.yaml import YAML

from relay.channels import CHANNELS
from relay.channels.slack.scopes import Demands, manifest_of, scopes_for
from relay.channels.slack.settings import SlackSettings
from relay.cli.client import Group
from relay.cli.options import config_option, json_option, print_json
from relay.config import Config, load
from relay.domain.deliveries import PERSON
from relay.domain.events import BATCH_EVENTS, OPERATION_EVENTS
from relay.errors import ConfigError, Problem, RelayError
from relay.interactivity.buttons import CHANNEL, PATH, enabled_actions, press_transport, pressers
from relay.platform.lookups import client_of
from relay.platform.models import Filters, RegisterWebhook
from relay.platform.registration import Registered, request
from relay.platform.registration import register as register_at
from relay.platform.settings import REGISTERED
from relay.policy.presentation import OWNER, callable_names

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

    It is found by its address, so a second run changes nothing. Rules decide what is sent to people, so a change of
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


def slack_settings(config: Config) -> SlackSettings | None:
    """None where nothing is posted by an app: there is no Slack, or incoming webhooks alone."""
    settings = config.channels.get(CHANNEL)
    return settings if isinstance(settings, SlackSettings) and settings.token.get_secret_value() else None


def demands_of(config: Config, settings: SlackSettings) -> Demands:
    """Return what has to work in Slack for this configuration."""
    conversations: set[str] = set()
    names: set[str] = set()
    for destination in config.destinations.values():
        posted = _by_the_app(destination.addresses, settings) if destination.channel == CHANNEL else ()
        conversations.update(posted)
        if posted and destination.mode != "digest":
            names |= callable_names(destination.mention)
    dynamic = config.dynamic_destinations
    if dynamic and (posted := _by_the_app(dynamic.by_channel[CHANNEL], settings)):
        conversations.update(posted)
        names |= callable_names({})
    by_name = dynamic is not None and dynamic.mention is None and bool(names)
    if dynamic and names:
        names |= {f"{PERSON}{name}" for name in dynamic.mention or ()}
    return Demands(
        conversations=frozenset(conversations),
        names=frozenset((names | config.owner_table.names if OWNER in names else names) - {OWNER}),
        owners=OWNER in names,
        by_name=by_name,
        pressers=frozenset(pressers(config)) if enabled_actions(config) else None,
    )


def _by_the_app(conversations: Iterable[str], settings: SlackSettings) -> list[str]:
    """Return those without an incoming webhook of their own."""
    return [conversation for conversation in conversations if not settings.own_host(conversation)]


HEAD = """\
# relay's Slack app. At https://api.slack.com/apps: Create New App, From a manifest, and put this there.
# An app that there is already gets it under App Manifest; after a change of the scopes, install it again.
"""


@click.group(cls=Group)
def slack() -> None:
    """Set up Slack for this configuration."""


@slack.command(short_help="Write the manifest of the Slack app for this configuration.")
@config_option
def manifest(config: Path) -> None:
    """Write the manifest of the Slack app for this configuration: its bot, the scopes that it needs, and the address of
    its buttons.

    Variables and files that hold secrets may be missing: the secrets of channels.slack come from the app.
    """
    settings = load(config, env=os.environ, channels=CHANNELS, needed=("destinations", "server"))
    document = _manifest(settings, str(config))
    yaml, text = YAML(typ="rt"), io.StringIO(HEAD)
    yaml.default_flow_style = False
    text.seek(0, io.SEEK_END)
    yaml.dump(document, text)
    click.echo(text.getvalue(), nl=False)


def _manifest(config: Config, file: str) -> dict[str, object]:
    settings = slack_settings(config)
    if settings is None:
        text = "no conversation is posted to with a token, so relay needs no app of its own"
        raise ConfigError([Problem("channels.slack", text)], file)
    demands = demands_of(config, settings)
    request_url = ""
    if press_transport(config) == "http":
        address = config.server.public_url.rstrip("/")
        if not address.startswith("https://"):
            text = f"{address or 'empty'}; expected where Slack reaches relay with what is pressed, https://…"
            raise ConfigError([Problem("server.public_url", text)], file)
        request_url = f"{address}{PATH}"
    to_people = any(conversation.startswith(("U", "D")) for conversation in demands.conversations)
    return manifest_of(
        scopes_for(demands), request_url=request_url, socket=press_transport(config) == "socket", to_people=to_people
    )
