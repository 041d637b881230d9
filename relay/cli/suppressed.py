"""relay suppressed: who is not written to any more, and why; to add to, and to take from."""

from collections.abc import Iterable
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from relay.channels import CHANNELS
from relay.cli.formatting import iso, local, print_json
from relay.cli.groups import Group
from relay.cli.options import config_option, json_option, visible
from relay.cli.screen import show, table
from relay.cli.session import StoreSession, with_store
from relay.configfile.validation import suggest
from relay.errors import RelayError
from relay.store.suppressions import ADDED, BOUNCED, EVERYWHERE, UNSUBSCRIBED, Suppressed, Suppressions

REASONS = {
    UNSUBSCRIBED: "unsubscribed by its reader",
    BOUNCED: "bounced",
    ADDED: "added by an operator",
}


@click.group(cls=Group, short_help="Look at who is not written to any more; add to it, take from it.")
def suppressed() -> None:
    """Addresses that are not written to any more: their readers unsubscribed, their mails bounced, or you said so.

    Works on a running relay, by the same configuration. An event that would go there is held, and what is queued
    already is not sent.
    """


address_argument = click.argument("address", metavar="ADDRESS")


@suppressed.command("list", short_help="List them with their reasons.")
@config_option
@json_option
def list_(config: Path, *, as_json: bool) -> None:
    """List them with their reasons, oldest first."""

    async def work(session: StoreSession) -> None:
        entries = await Suppressions(session.store).all()
        if as_json:
            print_json({"suppressed": [_to_json(entry) for entry in entries]})
        elif entries:
            show(_table(entries, session.config.timezone))
        else:
            click.echo("Nobody is suppressed.")

    with_store(config, work)


@suppressed.command(short_help="Write to this address no more.")
@config_option
@address_argument
@click.option("--destination", "-d", metavar="NAME", help="Of this destination alone; else of any.")
@json_option
def add(config: Path, address: str, destination: str | None, *, as_json: bool) -> None:
    """Write to this address no more, whatever the rules say."""

    async def work(session: StoreSession) -> None:
        names = {*session.config.destinations, *(["dynamic"] if session.config.dynamic_destinations else [])}
        if destination and destination not in names:
            raise RelayError(f"there is no destination {destination}; {suggest(destination, names)}")
        recipient, scope = _address(address), destination or EVERYWHERE
        async with session.act("suppressed add", _scope(scope), address=recipient) as act:
            added = await Suppressions(session.store).add(recipient, scope, reason=ADDED)
            act.outcome = "added" if added else "there already"
        if as_json:
            print_json({"added": added})
        else:
            click.echo(f"{'added' if added else 'there already:'} {_where(recipient, scope)}")

    with_store(config, work)


@suppressed.command(short_help="Write to this address again.")
@config_option
@address_argument
@click.option("--destination", "-d", metavar="NAME", help="This entry alone; else every entry of the address.")
@json_option
def remove(config: Path, address: str, destination: str | None, *, as_json: bool) -> None:
    """Write to this address again, and forget its bounces. Leaves with 1 if it was not on the list.

    Whoever unsubscribed did so on purpose: ask them first.
    """

    async def work(session: StoreSession) -> None:
        suppressions = Suppressions(session.store)
        entries = [entry for entry in await suppressions.find(address) if destination in (None, entry.destination)]
        removed = []
        for entry in entries:
            async with session.act("suppressed remove", _scope(entry.destination), address=entry.address) as act:
                if await suppressions.remove(entry.address, entry.destination):
                    removed.append(entry)
                act.outcome = f"removed, was {entry.reason}" if entry in removed else "gone already"
        if as_json:
            print_json({"removed": [_to_json(entry) for entry in removed]})
        for entry in removed if not as_json else ():
            click.echo(f"removed {_where(entry.address, entry.destination)}")
        if not removed:
            raise RelayError(f"{address} is not on the list; `relay suppressed list` shows who is")
        if destination and await suppressions.reason(destination, address) and not as_json:
            click.echo(f"It is still suppressed everywhere: relay suppressed remove {visible(address)}", err=True)

    with_store(config, work)


def _address(text: str) -> str:
    """As a destination would spell it. RelayError if it is none."""
    faults = []
    for channel in CHANNELS.values():
        if getattr(channel, "unsubscribes", False):
            try:
                [address] = channel.addresses(text)
            except ValueError as error:
                faults.append(str(error))
            else:
                return str(address)
    raise RelayError(faults[0])


def _where(address: str, destination: str) -> str:
    return visible(f"{address}, {_scope(destination)}")


def _scope(destination: str) -> str:
    return "everywhere" if destination == EVERYWHERE else f"at {destination}"


def _to_json(entry: Suppressed) -> dict[str, str]:
    return {"address": entry.address, "destination": entry.destination, "reason": entry.reason, "detail": entry.detail,
            "at": iso(entry.at)}  # fmt: skip


def _table(entries: Iterable[Suppressed], zone: str) -> Table:
    rows = table("since", "address", "at", "why", whole=("since",))
    for entry in entries:
        scope = "everywhere" if entry.destination == EVERYWHERE else entry.destination
        why = ": ".join(filter(None, (REASONS.get(entry.reason, entry.reason), entry.detail)))
        rows.add_row(local(entry.at, zone), *(Text(visible(text)) for text in (entry.address, scope, why)))
    return rows
