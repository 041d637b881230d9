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


@click.group(cls=Group, short_help="Look at who is not written to any more; add to it, take from it.")
def suppressed() -> None:
    """Addresses that are not written to any more: their readers unsubscribed, their mails bounced, or you said so.

    An event that would go there is held, and what is queued already is not sent.
    """


destination_option = click.option("-d", "--destination", default="", metavar="NAME", help="Of this one; else of any.")
address_argument = click.argument("address", metavar="ADDRESS")


@suppressed.command("list", cls=ClientCommand, short_help="List them with their reasons.")
def list_() -> None:
    """List them with their reasons, oldest first."""
    facts = get("/suppressed")
    if printed(facts):
        return
    if facts["rows"]:
        show(rows_table(facts["rows"], COLUMNS, whole=("since",)))
    else:
        click.echo("Nobody is suppressed.")


@suppressed.command(cls=ClientCommand, short_help="Write to this address no more.")
@address_argument
@destination_option
def add(address: str, destination: str) -> None:
    """Write to this address no more, whatever the rules say."""
    perform("/suppressed/add", address=address, destination=destination or "*")


@suppressed.command(cls=ClientCommand, short_help="Write to this address again.")
@address_argument
@destination_option
def remove(address: str, destination: str) -> None:
    """Write to this address again, and forget its bounces. Leaves with 1 if it was not on the list.

    Whoever unsubscribed did so on purpose: ask them first.
    """
    perform("/destinations/allow", address=address, destination=destination)
