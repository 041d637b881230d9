"""relay dead: the dead letters and the quarantine, to look at, replay or drop."""

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from relay.app import Desk, open_desk
from relay.cli.options import config_option, json_option, refuse
from relay.errors import InvalidEvent, NotJson, RelayError


@click.group(short_help="Look at dead letters and quarantined events; replay or drop them.")
def dead() -> None:
    """Deliveries that are not tried again by themselves, and signed events that made no sense (q-…).

    Works on a running relay, by the same configuration.
    """


every = click.option("--all", "every", is_flag=True, help="All of them.")
ids_argument = click.argument("ids", nargs=-1, metavar="ID…")


@dead.command("list")
@config_option
@json_option
@click.option("-n", "most", default=50, show_default=True, type=click.IntRange(1, 1000), help="At most so many.")
def list_(config: Path, *, as_json: bool, most: int) -> None:
    """List what is dead or quarantined, newest first."""

    async def work(desk: Desk) -> None:
        letters, bodies = await desk.records.dead(most=most), await desk.records.quarantined(most=most)
        if as_json:
            _print_json({"dead": [_plain(asdict(one)) for one in letters],
                         "quarantined": [_plain(asdict(one)) for one in bodies]})  # fmt: skip
            return
        table = Table("id", "since", "operation or source", "to", "event", "why", box=None, header_style="bold")
        for letter in letters:
            place, why = f"{letter.destination}  {letter.address}", f"{letter.reason}: {letter.error}"
            table.add_row(letter.id, _since(letter.died_at), letter.operation, place, letter.event, why)
        for body in bodies:
            table.add_row(body.id, _since(body.at), body.source, "quarantine", "", body.reason)
        Console().print(table if table.row_count else "Nothing is dead, nothing is quarantined.")

    _work(config, work)


@dead.command()
@config_option
@click.argument("name", metavar="ID")
def show(config: Path, name: str) -> None:
    """Show one, with its event, as JSON."""

    async def work(desk: Desk) -> None:
        found = await desk.records.quarantined_body(name) or await desk.records.dead_letter(name)
        if found is None:
            raise click.ClickException(f"{name} is neither dead nor quarantined; `relay dead list` shows what is")
        _print_json(_plain(asdict(found)))

    _work(config, work)


@dead.command()
@config_option
@ids_argument
@every
@click.option("--dry-run", is_flag=True, help="Only say what would be replayed.")
def replay(config: Path, ids: tuple[str, ...], *, every: bool, dry_run: bool) -> None:
    """Deliver these again, with fresh attempts; parse quarantined events again. Each happens once."""

    async def work(desk: Desk) -> None:
        letters, bodies = await _chosen(desk, ids, every=every)
        if dry_run:
            for name in (*letters, *bodies):
                click.echo(f"would replay {name}")
            return
        replayed = await desk.records.replay(letters) if letters else 0
        for name in bodies:
            body = await desk.records.quarantined_body(name)
            try:
                accepted = await desk.take(body) if body else None
            except (NotJson, InvalidEvent) as error:
                click.echo(f"{name} still makes no sense: {error}", err=True)
                continue
            if accepted:
                await desk.records.release([name])  # after it is durable: a crash between the two repeats nothing
                click.echo(f"{name}: {accepted.status}")
                replayed += 1
        click.echo(f"{replayed} replayed")
        if replayed < len(letters) + len(bodies):
            raise SystemExit(1)

    _work(config, work)


@dead.command()
@config_option
@ids_argument
@every
def drop(config: Path, ids: tuple[str, ...], *, every: bool) -> None:
    """Forget these for good."""

    async def work(desk: Desk) -> None:
        letters, bodies = await _chosen(desk, ids, every=every)
        dropped = (await desk.records.drop(letters) if letters else 0) + await desk.records.release(bodies)
        click.echo(f"{dropped} dropped")

    _work(config, work)


def _work(config: Path, work: Callable[[Desk], Awaitable[None]]) -> None:
    async def run() -> None:
        async with open_desk(config, dict(os.environ)) as desk:
            await work(desk)

    try:
        asyncio.run(run())
    except RelayError as error:
        refuse(error)


async def _chosen(desk: Desk, ids: tuple[str, ...], *, every: bool) -> tuple[list[str], list[str]]:
    """The dead letters and the quarantined bodies that are meant."""
    if every:
        ids = tuple(
            one.id for one in [*await desk.records.dead(most=10_000), *await desk.records.quarantined(most=1000)]
        )
    if not ids:
        raise click.UsageError("name at least one id, or say --all")
    return [name for name in ids if not name.startswith("q-")], [name for name in ids if name.startswith("q-")]


def _since(at: datetime) -> str:
    return at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """As JSON can say it: times in ISO 8601, an event as the object it is, bytes as text."""
    shown = dict(row)
    for key, value in row.items():
        if isinstance(value, datetime):
            shown[key] = value.astimezone(UTC).isoformat()
        if isinstance(value, bytes):
            shown[key] = value.decode("utf-8", "replace")
    if isinstance(row.get("body"), str) and row["body"]:
        shown["body"] = json.loads(row["body"])
    return shown


def _print_json(value: object) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))
