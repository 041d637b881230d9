"""relay digest: what a digest would say now, and sending it before its time."""

import click

from relay.cli.client import ClientCommand, act, get, printed
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


@click.group(cls=Group, short_help="Look at digests before they are sent, or send one now.")
def digest() -> None:
    """Digests: what has come in for them, what they would say now, and sending one before its time."""


destination_argument = click.argument("name", metavar="DESTINATION")


@digest.command("list", cls=ClientCommand, short_help="List the digests with what waits in them.")
def list_() -> None:
    """List every digest with its schedule, its next time and what waits in it."""
    facts = get("/digests")
    if printed(facts):
        return
    if facts["rows"]:
        show(rows_table(facts["rows"], COLUMNS))
    else:
        click.echo("No destination has mode: digest.")


@digest.command(cls=ClientCommand, short_help="Show what it would say now.")
@destination_argument
@click.option("--address", metavar="ADDRESS", help="Of this recipient; else of the first.")
def preview(name: str, address: str | None) -> None:
    """Show what the digest for DESTINATION would say if it were sent now. Nothing is sent, nothing changes.

    With --json there is also the mail's HTML.
    """
    facts = get("/destination/digest", name=name, address=address)
    if not printed(facts):
        click.echo(visible(facts["text"]))
    if facts["fault"]:
        click.echo(visible(f"a template failed, so this is relay's own wording: {facts['fault']}"), err=True)


@digest.command("send-now", cls=ClientCommand, short_help="Send what it holds so far.")
@destination_argument
def send_now(name: str) -> None:
    """Send now what the digest for DESTINATION holds so far. What comes in later is sent at its usual time.

    Leaves with 1 if there is nothing to send.
    """
    act("/digests/send", name=name)
