"""relay digest: what a digest would say now, and sending it before its time."""

import click

from relay.cli.client import ClientCommand, get, perform, printed
from relay.cli.groups import Group
from relay.cli.options import visible
from relay.cli.screen import rows_table, show, when

COLUMNS = {
    "digest": lambda row: row["destination"],
    "for": lambda row: row["address"],
    "schedule": lambda row: f"{row['at']} {row['days']}, {row['timezone']}",
    "next": lambda row: when(row["next"]),
    "entries": lambda row: str(row["entries"]),
}


@click.group(cls=Group, short_help="Show a digest now, or send it early.")
def digest() -> None:
    """Digests: list them, show one as it would be sent now, or send it early."""


destination_argument = click.argument("name", metavar="DESTINATION")


@digest.command("list", cls=ClientCommand, short_help="List digests with the number of their entries.")
def list_() -> None:
    """List every digest with its schedule, its next time and the number of its entries."""
    facts = get("/digests")
    if printed(facts):
        return
    if facts["rows"]:
        show(rows_table(facts["rows"], COLUMNS))
    else:
        click.echo("No destination has mode: digest.")


@digest.command(cls=ClientCommand, short_help="Show a digest as it would be sent now.")
@destination_argument
@click.option("--address", metavar="ADDRESS", help="The recipient; default: the first.")
def preview(name: str, address: str | None) -> None:
    """Show the digest for DESTINATION as it would be sent now. Nothing is sent or changed.

    --json adds the mail's HTML.
    """
    facts = get("/destination/digest", name=name, address=address)
    if not printed(facts):
        click.echo(visible(facts["text"]))
    if facts["fault"]:
        click.echo(visible(f"a template failed, so this is relay's own wording: {facts['fault']}"), err=True)


@digest.command("send-now", cls=ClientCommand, short_help="Send a digest early.")
@destination_argument
def send_now(name: str) -> None:
    """Send the digest for DESTINATION now. Later entries are sent at the usual time.

    Exit status 1 if there is nothing to send.
    """
    perform("/digests/send", name=name)
