"""relay resume: a paused destination goes on."""

import click

from relay.cli.client import ClientCommand, perform


@click.command(cls=ClientCommand, short_help="Resume deliveries to a destination.")
@click.argument("name", metavar="DESTINATION")
def resume(name: str) -> None:
    """Resume deliveries to DESTINATION. Deliveries that wait for something else keep waiting, and the reason is
    printed.

    Exit status 1 if it was not paused.
    """
    perform("/destinations/resume", name=name)
