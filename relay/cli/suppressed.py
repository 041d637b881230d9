"""relay suppressed: addresses that are not written to any more, and why; to add to, and to take from."""

import click

from relay.cli.client import ClientCommand, get, perform, printed
from relay.cli.groups import Group
from relay.cli.screen import rows_table, show, when

REASONS = {"unsubscribed": "unsubscribed by its reader", "bounced": "bounced", "suppressed": "added by an operator"}
COLUMNS = {
    "since": lambda row: when(row["at"]),
    "address": lambda row: row["address"],
    "at": lambda row: "everywhere" if row["destination"] == "*" else row["destination"],
    "why": lambda row: ": ".join(filter(None, (REASONS.get(row["reason"], row["reason"]), row["detail"]))),
}


@click.group(cls=Group, short_help="List, add and remove suppressed addresses.")
def suppressed() -> None:
    """Suppressed addresses get no messages: unsubscribed by their readers, bounced, or added by an operator.

    New deliveries to them are held; queued ones are not sent.
    """


destination_option = click.option(
    "-d", "--destination", default="", metavar="NAME", help="Only at this destination; default: all."
)
address_argument = click.argument("address", metavar="ADDRESS")


@suppressed.command("list", cls=ClientCommand, short_help="List suppressed addresses with their reasons.")
def list_() -> None:
    """List suppressed addresses with their reasons, oldest first."""
    facts = get("/suppressed")
    if printed(facts):
        return
    if facts["rows"]:
        show(rows_table(facts["rows"], COLUMNS, whole=("since",)))
    else:
        click.echo("No addresses are suppressed.")


@suppressed.command(cls=ClientCommand, short_help="Suppress an address.")
@address_argument
@destination_option
def add(address: str, destination: str) -> None:
    """Suppress an address, whatever the rules say."""
    perform("/suppressed/add", address=address, destination=destination or "*")


@suppressed.command(cls=ClientCommand, short_help="Remove an address from the list.")
@address_argument
@destination_option
def remove(address: str, destination: str) -> None:
    """Remove an address from the list, and forget its bounces. Exit status 1 if it was not on the list.

    Readers unsubscribe on purpose: ask them first.
    """
    perform("/destinations/allow", address=address, destination=destination)
