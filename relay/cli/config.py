"""relay config: what can be known about the configuration file without one."""

import json

import click

from relay.channels import CHANNELS
from relay.cli.groups import Group
from relay.config.json_schema import json_schema


@click.group(cls=Group, short_help="Print the JSON Schema of the configuration file.")
def config() -> None:
    """Describe the configuration file."""


@config.command(short_help="Print the JSON Schema of the configuration file.")
def schema() -> None:
    """Print the JSON Schema of the configuration file, with which editors complete and check it.

    It is shipped beside config/relay.yaml as relay.schema.json; the first line of that file refers to it.
    """
    click.echo(json.dumps(json_schema(CHANNELS), ensure_ascii=False, indent=2))
