"""relay reload: the running relay reads its configuration again."""

import click

from relay.cli.client import ClientCommand, ask, concluded, every_connection


@click.command(cls=ClientCommand, short_help="Read the configuration again.")
def reload() -> None:
    """Let the running relay read its configuration again, as SIGHUP does: every relay on its data_dir.

    What is being sent is not disturbed. Where the file is wrong it says where, nothing changes, and it leaves with 1.
    """
    concluded(*(ask(relay, "POST", "/reload", {}) for relay in every_connection()))
