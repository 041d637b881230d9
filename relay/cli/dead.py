"""relay dead: the dead letters and the quarantine, to look at, replay or drop."""

import json
from pathlib import Path

import click

from relay.app import StoreSession
from relay.cli.dead_filters import Filter, filter_options
from relay.cli.dead_letters import Letter, all_letters, attempts, chosen, headline, letters_table, plain, short, why
from relay.cli.formatting import local, print_json
from relay.cli.groups import Group
from relay.cli.options import config_option, json_option, visible
from relay.cli.screen import show as show_page
from relay.cli.session import with_store
from relay.errors import HandlingFailed, InvalidEvent, NotJson
from relay.store.admin import DeadLetter, Quarantined

NOTHING = "Nothing is dead, nothing is quarantined."
NO_MATCH = "Nothing that is dead or quarantined is meant by these filters."
NO_EVENT = "It would show the operation's present state, and so keeps no event of its own."


@click.group(cls=Group, short_help="Look at dead letters and quarantined events; replay or drop them.")
def dead() -> None:
    """Deliveries that are not tried again by themselves, and signed events that made no sense (q-…).

    Works on a running relay, by the same configuration. An ID may be cut to the eight characters that `list` shows.
    """


every_option = click.option("--all", "every", is_flag=True, help="All of them.")
dry_run_option = click.option("--dry-run", is_flag=True, help="Only say which.")
ids_argument = click.argument("ids", nargs=-1, metavar="ID…")


@dead.command("list", short_help="List what is dead or quarantined.")
@config_option
@json_option
@click.option("-n", "most", default=50, show_default=True, type=click.IntRange(1, 1000),
              help="At most so many of each.")  # fmt: skip
@filter_options
def list_(config: Path, *, as_json: bool, most: int, **filters: str | None) -> None:
    """List what is dead or quarantined, newest first; with filters, what all of them hold for."""
    wanted = Filter(**filters)

    async def work(desk: StoreSession) -> None:
        if wanted:
            found = await _filtered(desk, wanted)
            letters = [one for one in found if isinstance(one, DeadLetter)][:most]
            bodies = [one for one in found if isinstance(one, Quarantined)][:most]
        else:
            letters, bodies = await desk.records.dead(most=most), await desk.records.quarantined(most=most)
        if as_json:
            print_json({"dead": [plain(one) for one in letters], "quarantined": [plain(one) for one in bodies]})
            return
        if not letters and not bodies:
            click.echo(NO_MATCH if wanted else NOTHING)
            return
        show_page(letters_table([*letters, *bodies], desk.config.timezone))
        everything = len(found) if wanted else await _count(desk)
        if more := everything - len(letters) - len(bodies):
            click.echo(f"\nOlder ones that are not shown: {more}; -n shows more.")

    with_store(config, work)


@dead.command(short_help="Show one, with its event.")
@config_option
@json_option
@click.argument("name", metavar="ID")
def show(config: Path, name: str, *, as_json: bool) -> None:
    """Show one: why it is here, and the event it should have told; of a digest, all that it should have told."""

    async def work(desk: StoreSession) -> None:
        [letter] = await chosen(desk, [name])
        if isinstance(letter, DeadLetter):
            letter = await desk.records.with_body(letter)
        if as_json:
            print_json(plain(letter))
        else:
            _show(letter, desk.config.timezone)

    with_store(config, work)


@dead.command(short_help="Deliver these again.")
@config_option
@ids_argument
@every_option
@filter_options
@dry_run_option
@json_option
def replay(config: Path, ids: tuple[str, ...], *, every: bool, dry_run: bool, as_json: bool, **filters: str) -> None:
    """Deliver these again, with fresh attempts; read quarantined events again, by today's rules. Each happens once.

    They are named by their ids, or by filters, all of which must hold; --dry-run says first which these are. If one
    of the ids is unknown, nothing is done. Leaves with 1 if a quarantined event still cannot be taken.
    """
    wanted = Filter(**filters)
    _name_some(ids, wanted, every=every)

    async def work(desk: StoreSession) -> None:
        letters = await _meant(desk, ids, wanted)
        if dry_run:
            _say(letters, "would replay", ids, as_json=as_json, key="would_replay")
            return
        faults = {one.id: fault for one in letters if (fault := await _replay(desk, one))}
        _say([one for one in letters if one.id not in faults], "replayed", ids, as_json=as_json, faults=faults)
        if faults:
            raise SystemExit(1)

    with_store(config, work)


@dead.command(short_help="Forget these for good.")
@config_option
@ids_argument
@every_option
@filter_options
@dry_run_option
@json_option
def drop(config: Path, ids: tuple[str, ...], *, every: bool, dry_run: bool, as_json: bool, **filters: str) -> None:
    """Forget these for good, named by their ids or by filters. If one of the ids is unknown, nothing is done."""
    wanted = Filter(**filters)
    _name_some(ids, wanted, every=every)

    async def work(desk: StoreSession) -> None:
        letters = await _meant(desk, ids, wanted)
        if dry_run:
            _say(letters, "would drop", ids, as_json=as_json, key="would_drop")
            return
        _say([letter for letter in letters if await _drop(desk, letter)], "dropped", ids, as_json=as_json)

    with_store(config, work)


def _name_some(ids: tuple[str, ...], wanted: Filter, *, every: bool) -> None:
    if bool(ids) == (every or bool(wanted)):
        begin = "either name ids" if ids else "name at least one id"
        raise click.UsageError(f"{begin}, or say --all or a filter such as --destination")


async def _meant(desk: StoreSession, ids: tuple[str, ...], wanted: Filter) -> list[Letter]:
    """Those of these ids; without any, all that the filters hold for."""
    if ids:
        return await chosen(desk, ids)
    return await _filtered(desk, wanted)


async def _count(desk: StoreSession) -> int:
    dead = (await desk.records.ledger()).counts.get("dead", 0)
    return dead + await desk.records.quarantine_size()


async def _filtered(desk: StoreSession, wanted: Filter) -> list[Letter]:
    config = desk.config
    return wanted.among(await all_letters(desk), configured=config.destinations, zone=config.timezone, now=desk.clock())


async def _drop(desk: StoreSession, letter: Letter) -> bool:
    """False if somebody else has just replayed or dropped it."""
    forget = desk.records.release if isinstance(letter, Quarantined) else desk.records.drop
    return bool(await forget([letter.id]))


async def _replay(desk: StoreSession, letter: Letter) -> str:
    """Why it could not be replayed, or ''."""
    if isinstance(letter, DeadLetter):
        return "" if await desk.records.replay([letter.id]) else "somebody else has just replayed or dropped it"
    try:
        await desk.take(letter)
    except (NotJson, InvalidEvent) as error:
        return f"still makes no sense: {error}"
    except HandlingFailed as error:
        return f"relay itself still fails on it: {error}"
    await desk.records.release([letter.id])  # after it is durable: a crash between the two repeats nothing
    return ""


def _say(
    letters: list[Letter], verb: str, ids: tuple[str, ...], *, as_json: bool, key: str = "",
    faults: dict[str, str] | None = None,
) -> None:  # fmt: skip
    """What was done, and what was not; facts on standard output, faults on standard error.

    Where nobody named the letters one by one, they are counted.
    """
    if as_json:
        print_json({key or verb: [one.id for one in letters], "count": len(letters), "failed": faults or {}})
        return
    for letter in letters:
        click.echo(f"{verb} {visible(short(letter.id))}  {headline(letter)}")
    for name, fault in (faults or {}).items():
        click.echo(visible(f"{short(name)}: {fault}"), err=True)
    if not ids:
        failed = f", {len(faults)} failed" if faults else ""
        click.echo(f"{verb} {len(letters)} in all{failed}" if letters or faults else NO_MATCH)


def _show(letter: Letter, zone: str) -> None:
    """The reasons line by line, then the event as it was sent: what `relay explain -` and `relay send -` take."""
    shown = plain(letter)
    lines = {"id": letter.id, "what": headline(letter), "why": why(letter)}
    if isinstance(letter, DeadLetter):
        lines |= {"operation": letter.operation} if letter.operation else {}
        lines |= {"since": f"{local(letter.died_at, zone)}, after {attempts(letter.attempts)}"}
        body = json.dumps(shown["body"]["document"], ensure_ascii=False, indent=2) if letter.body else ""
    else:
        lines |= {"since": local(letter.at, zone), **letter.headers}
        body = shown["body"]
    for label, value in lines.items():
        click.echo(f"{visible(label):<11}{visible(value)}")
    click.echo(f"\n{visible(body or NO_EVENT)}")
