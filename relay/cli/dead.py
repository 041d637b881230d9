"""relay dead: the dead letters and the quarantine, to look at, replay or drop."""

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import click

from relay.cli.dead_filters import filter_options
from relay.cli.dead_letters import attempts, entries_table, headline, to_json, why
from relay.cli.formatting import local, print_json
from relay.cli.groups import Group
from relay.cli.options import config_option, json_option, visible
from relay.cli.screen import show as show_page
from relay.cli.session import StoreSession, with_store
from relay.operating import acts
from relay.operating.blockers import Blockers
from relay.operating.entries import Entry, all_entries, entries_named, short
from relay.operating.filters import Filter
from relay.store.dead_letters import DeadLetter
from relay.store.quarantine import Quarantined

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
    selection = Filter(**filters)

    async def work(session: StoreSession) -> None:
        if selection:
            entries = await _filtered(session, selection)
            dead_letters = [entry for entry in entries if isinstance(entry, DeadLetter)][:most]
            bodies = [entry for entry in entries if isinstance(entry, Quarantined)][:most]
        else:
            dead_letters, bodies = await session.admin.dead(most=most), await session.admin.quarantined(most=most)
        if as_json:
            print_json(
                {
                    "dead": [to_json(entry) for entry in dead_letters],
                    "quarantined": [to_json(entry) for entry in bodies],
                }
            )
            return
        if not dead_letters and not bodies:
            click.echo(NO_MATCH if selection else NOTHING)
            return
        show_page(entries_table([*dead_letters, *bodies], session.config.timezone))
        everything = len(entries) if selection else await _count(session)
        if more := everything - len(dead_letters) - len(bodies):
            click.echo(f"\nOlder ones that are not shown: {more}; -n shows more.")

    with_store(config, work)


@dead.command(short_help="Show one, with its event.")
@config_option
@json_option
@click.argument("name", metavar="ID")
def show(config: Path, name: str, *, as_json: bool) -> None:
    """Show one: why it is here, and the event that it was about; of a digest, all that it was about."""

    async def work(session: StoreSession) -> None:
        [entry] = await entries_named(session.admin, [name])
        if isinstance(entry, DeadLetter):
            entry = await session.admin.with_body(entry)
        if as_json:
            print_json(to_json(entry))
        else:
            _show(entry, session.config.timezone)

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
    of the ids is unknown, nothing is done. What would not be sent because its address is suppressed stays; of what
    has to wait it says for what. Leaves with 1 if one of them stays.
    """
    selection = Filter(**filters)
    _require_names(ids, selection, every=every)

    async def work(session: StoreSession) -> None:
        entries = await _selected(session, ids, selection)
        faults, waits = dict[str, str](), dict[str, str]()
        blockers = Blockers(session.store, session.admin, session.config, session.clock())

        async def replayed(entry: Entry) -> bool:
            if isinstance(entry, Quarantined):
                fault = await acts.take_again(session.admin, entry, session.take)
            else:
                blocker = await blockers.of(entry)
                fault = await acts.replay_letter(session.admin, entry, blocker)
                if blocker and not fault:
                    waits[entry.id] = blocker.sentence
            if fault:
                faults[entry.id] = fault
            return not fault

        if dry_run:
            for entry in entries:
                if isinstance(entry, DeadLetter) and (blocker := await blockers.of(entry)):
                    (faults if blocker.refuses else waits)[entry.id] = blocker.sentence
        else:
            await acts.audited(session.act, "replay", entries, replayed, selection.given)
        done = [entry for entry in entries if entry.id not in faults]
        verb, key = ("would replay", "would_replay") if dry_run else ("replayed", "")
        _report(done, verb, ids, as_json=as_json, key=key, faults=faults, waits=waits)
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
    selection = Filter(**filters)
    _require_names(ids, selection, every=every)

    async def work(session: StoreSession) -> None:
        entries = await _selected(session, ids, selection)
        if dry_run:
            _report(entries, "would drop", ids, as_json=as_json, key="would_drop")
            return
        step = partial(acts.drop, session.admin)
        gone = await acts.audited(session.act, "drop", entries, step, selection.given)
        _report(gone, "dropped", ids, as_json=as_json)

    with_store(config, work)


def _require_names(ids: tuple[str, ...], selection: Filter, *, every: bool) -> None:
    if bool(ids) == (every or bool(selection)):
        begin = "either name ids" if ids else "name at least one id"
        raise click.UsageError(f"{begin}, or say --all or a filter such as --destination")


async def _selected(session: StoreSession, ids: tuple[str, ...], selection: Filter) -> list[Entry]:
    """Those of these ids; without any, all that the filters hold for."""
    if ids:
        return await entries_named(session.admin, ids)
    return await _filtered(session, selection)


async def _count(session: StoreSession) -> int:
    dead = (await session.admin.ledger()).counts.get("dead", 0)
    return dead + await session.admin.quarantine_size()


async def _filtered(session: StoreSession, selection: Filter) -> list[Entry]:
    config = session.config
    return selection.select(
        await all_entries(session.admin), configured=config.destinations, zone=config.timezone, now=session.clock()
    )


def _report(
    entries: list[Entry], verb: str, ids: tuple[str, ...], *, as_json: bool, key: str = "",
    faults: dict[str, str] | None = None, waits: Mapping[str, str] | None = None,
) -> None:  # fmt: skip
    """Print what was done and has to wait, to standard output, and what was not done, to standard error.

    Where nobody named them one by one, they are counted.
    """
    if as_json:
        done = {key or verb: [entry.id for entry in entries], "count": len(entries), "failed": faults or {}}
        print_json(done if waits is None else {**done, "waits": waits})
        return
    for entry in entries:
        click.echo(f"{verb} {visible(short(entry.id))}  {headline(entry)}")
        if entry.id in (waits or {}):
            click.echo(visible(f"  {(waits or {})[entry.id]}"))
    for name, fault in (faults or {}).items():
        click.echo(visible(f"{short(name)}: {fault}"), err=True)
    if not ids:
        failed = f", {len(faults)} failed" if faults else ""
        click.echo(f"{verb} {len(entries)} in all{failed}" if entries or faults else NO_MATCH)


def _show(entry: Entry, zone: str) -> None:
    """The reasons line by line, then the event as it was sent: what `relay explain -` and `relay send -` take."""
    shown = to_json(entry)
    lines = {"id": entry.id, "what": headline(entry), "why": why(entry)}
    if isinstance(entry, DeadLetter):
        whose = {"operation": entry.operation, "tenant": entry.tenant, "project": entry.project}
        lines |= {name: value for name, value in whose.items() if value}
        lines |= {"since": f"{local(entry.died_at, zone)}, after {attempts(entry.attempts)}"}
        body = json.dumps(shown["body"]["document"], ensure_ascii=False, indent=2) if entry.body else ""
    else:
        lines |= {"since": local(entry.at, zone), **entry.headers}
        body = shown["body"]
    for label, value in lines.items():
        click.echo(f"{visible(label):<11}{visible(value)}")
    click.echo(f"\n{visible(body or NO_EVENT)}")
