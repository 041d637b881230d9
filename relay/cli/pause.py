"""relay pause: nothing goes to a destination for a while, and nothing of it is lost."""

import click

from relay.cli.client import ClientCommand, perform


@click.command(cls=ClientCommand, short_help="Let what is for a destination wait.")
@click.argument("name", metavar="DESTINATION")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever wonders.")
@click.option("--for", "lasts", default="", metavar="DURATION",
              help="It ends by itself after so long: 2h, 1d12h; else by `relay resume`.")  # fmt: skip
def pause(name: str, reason: str, lasts: str) -> None:
    """Let everything that is for DESTINATION wait, edits too, until the pause ends. Nothing is lost or given up.

    What is being sent at this moment still goes out. A second pause takes the place of the first. To hold back new
    messages of some kinds only, see `relay silence`.
    """
    perform("/destinations/pause", name=name, reason=reason, lasts=lasts)
