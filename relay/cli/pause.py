"""relay pause: nothing goes to a destination for a while, and nothing of it is lost."""

import click

from relay.cli.client import ClientCommand, perform
from relay.cli.options import a_duration


@click.command(cls=ClientCommand, short_help="Pause deliveries to a destination.")
@click.argument("name", metavar="DESTINATION")
@click.option("--reason", required=True, metavar="TEXT", help="The reason, shown to operators.")
@click.option("--for", "lasts", metavar="DURATION", callback=a_duration,
              help="The duration: 2h, 1d12h; default: until `relay resume`.")  # fmt: skip
def pause(name: str, reason: str, lasts: str | None) -> None:
    """Pause all deliveries to DESTINATION, edits included, until the pause ends. Nothing is lost or given up.

    A delivery already being sent is finished. A second pause replaces the first. To hold back only some notifications,
    see `relay silence`.
    """
    perform("/destinations/pause", name=name, reason=reason, lasts=lasts or "")
