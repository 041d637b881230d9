"""relay slack: what is to be set up at Slack for this configuration."""

import io
import os
from collections.abc import Mapping
from pathlib import Path

import click
from ruamel.yaml import YAML

from relay.channels import CHANNELS
from relay.channels.slack.scopes import manifest_of, scopes_for
from relay.cli.groups import Group
from relay.cli.options import config_option, refuse
from relay.cli.slack_app import demands_of, slack_settings
from relay.config import Config, load
from relay.configfile.document import KeyPath, read
from relay.errors import ConfigError, Problem, RelayError
from relay.interactivity.buttons import CHANNEL, press_transport
from relay.interactivity.endpoint import PATH

HEAD = """\
# relay's Slack app. At https://api.slack.com/apps: Create New App, From a manifest, and put this there.
# An app that there is already gets it under App Manifest; after a change of the scopes, install it again.
"""
# There is no app yet, so these are not known yet either.
UNTIL_THERE_IS_AN_APP = {
    "token": "xoxb-not-known-yet",
    "signing_secret": "not-known-yet",
    "app_token": "xapp-not-known-yet",
}


@click.group(cls=Group, short_help="Write the manifest of the Slack app for this configuration.")
def slack() -> None:
    """Set up Slack for this configuration."""


@slack.command(short_help="Write the manifest of the Slack app for this configuration.")
@config_option
def manifest(config: Path) -> None:
    """Write the manifest of the Slack app for this configuration: its bot, the scopes that it needs, and the address of
    its buttons.

    The variables and files that hold the secrets of channels.slack may be missing: they come from the app.
    """
    try:
        env, files = _with_secrets_to_be(config, os.environ)
        settings = load(config, env=env, channels=CHANNELS, substitutes=files)
        document = _manifest(settings, str(config))
    except RelayError as error:
        refuse(error)
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


def _with_secrets_to_be(file: Path, env: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """The environment, and texts by names of files, with something in place of secrets that only an app will have."""
    try:
        text = file.read_text("utf-8-sig")
        document = read(text, file=str(file), env=env)
        variables = {
            name: secret
            for path, names in document.variables_in.items()
            if (secret := _secret_to_be(path))
            for name in names
            if not env.get(name)
        }
        env = {**variables, **{name: value for name, value in env.items() if value or name not in variables}}
        absent = read(text, file=str(file), env=env).absent_files  # their names may have variables in them
    except (OSError, ValueError):
        return {**env}, {}  # `load` says what is wrong
    return {**env}, {name: secret for path, name in absent.items() if (secret := _secret_to_be(path))}


def _secret_to_be(path: KeyPath) -> str:
    """Return what to put there meanwhile; '' for what is no secret of an app."""
    return UNTIL_THERE_IS_AN_APP.get(str(path[-1]), "") if path[:2] == ("channels", CHANNEL) else ""
