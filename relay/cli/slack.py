"""relay slack manifest, and what a configuration needs of its Slack app."""

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
from relay.cli.options import config_option
from relay.config import Config, load
from relay.domain.deliveries import PERSON
from relay.errors import ConfigError, Problem
from relay.interactivity.buttons import CHANNEL, enabled_actions, press_transport
from relay.interactivity.endpoint import PATH
from relay.policy.presentation import OWNER, callable_names


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
    actions = enabled_actions(config)
    return Demands(
        conversations=frozenset(conversations),
        names=frozenset(names - {OWNER}),
        owners=OWNER in names,
        by_name=by_name,
        pressers=frozenset(name for allowed in actions.values() for name in allowed) if actions else None,
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
