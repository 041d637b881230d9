"""relay resume: a paused destination goes on."""

import click

from relay.cli.client import ClientCommand, perform


@click.command(cls=ClientCommand, short_help="End such a pause.")
@click.argument("name", metavar="DESTINATION")
def resume(name: str) -> None:
    """End the pause of DESTINATION: what waits for it goes out, but for what has to wait for something broken, which is
    said. Leaves with 1 if nobody had paused it."""
    perform("/destinations/resume", name=name)
