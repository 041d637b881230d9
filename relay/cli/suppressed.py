"""relay suppressed: who is not written to any more, and why; to add to, and to take from."""

from collections.abc import Iterable
from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from relay.app import StoreSession
from relay.channels import CHANNELS
from relay.cli.formatting import iso, local, print_json
from relay.cli.groups import Group
from relay.cli.options import config_option, json_option, visible
from relay.cli.screen import show, table
from relay.cli.session import with_store
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

    async def work(desk: StoreSession) -> None:
        entries = await Suppressions(desk.store).all()
        if as_json:
            print_json({"suppressed": [_plain(one) for one in entries]})
        elif entries:
            show(_table(entries, desk.config.timezone))
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

    async def work(desk: StoreSession) -> None:
        known = {*desk.config.destinations, *(["dynamic"] if desk.config.dynamic_destinations else [])}
        if destination and destination not in known:
            raise RelayError(f"there is no destination {destination}; {suggest(destination, known)}")
        to, place = _address(address), destination or EVERYWHERE
        added = await Suppressions(desk.store).add(to, place, reason=ADDED)
        if as_json:
            print_json({"added": added})
        else:
            click.echo(f"{'added' if added else 'there already:'} {_place(to, place)}")

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

    async def work(desk: StoreSession) -> None:
        suppressions = Suppressions(desk.store)
        entries = [one for one in await suppressions.find(address) if destination in (None, one.destination)]
        removed = [one for one in entries if await suppressions.remove(one.address, one.destination)]
        if as_json:
            print_json({"removed": [_plain(one) for one in removed]})
        for one in removed if not as_json else ():
            click.echo(f"removed {_place(one.address, one.destination)}")
        if not removed:
            raise RelayError(f"{address} is not on the list; `relay suppressed list` shows who is")
        if destination and await suppressions.reason(destination, address) and not as_json:
            click.echo(f"It is still suppressed everywhere: relay suppressed remove {visible(address)}", err=True)

    with_store(config, work)


def _address(written: str) -> str:
    """As a destination would spell it. RelayError if it is none."""
    try:
        [address] = CHANNELS["email"].addresses(written)
    except ValueError as error:
        raise RelayError(str(error)) from None
    return str(address)


def _place(address: str, destination: str) -> str:
    return visible(f"{address}, {'everywhere' if destination == EVERYWHERE else f'at {destination}'}")


def _plain(one: Suppressed) -> dict[str, str]:
    return {"address": one.address, "destination": one.destination, "reason": one.reason, "detail": one.detail,
            "at": iso(one.at)}  # fmt: skip


def _table(entries: Iterable[Suppressed], zone: str) -> Table:
    rows = table("since", "address", "at", "why", whole=("since",))
    for one in entries:
        place = "everywhere" if one.destination == EVERYWHERE else one.destination
        why = ": ".join(filter(None, (REASONS.get(one.reason, one.reason), one.detail)))
        rows.add_row(local(one.at, zone), *(Text(visible(text)) for text in (one.address, place, why)))
    return rows
