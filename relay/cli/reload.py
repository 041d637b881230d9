"""relay reload: the running relay reads its configuration again."""

import click

from relay.cli.client import ClientCommand, ask, concluded, every_connection


@click.command(cls=ClientCommand, short_help="Reload the configuration of the running relay.")
def reload() -> None:
    """Reload the configuration of every running relay on its data_dir, as SIGHUP does.

    Deliveries in progress are not disturbed. If the file is invalid, the error is printed, nothing changes, and the
    exit status is 1.
    """
    concluded(*(ask(relay, "POST", "/reload", {}) for relay in every_connection()))
