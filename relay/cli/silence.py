"""relay silence: what nobody is to hear of for a while; to add, to look at, to end."""

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.table import Table
from rich.text import Text

from relay.background.silences import IN_FORCE
from relay.cli.actor import actor
from relay.cli.formatting import local, print_json
from relay.cli.groups import Group
from relay.cli.options import config_option, json_option, visible
from relay.cli.screen import show, table
from relay.cli.session import StoreSession, with_store
from relay.domain.silences import THEN, Silence
from relay.errors import RelayError
from relay.operating.silences import Asked, begin, described, end, meaning, silence_of, to_json
from relay.store.silences import SilenceList

NONE = "Nothing is silenced."
NONE_OVER = "Nothing is silenced, and no silence ended in the last 30 days."


@click.group(cls=Group, short_help="Say what nobody is to hear of for a while; look at it, end it.")
def silence() -> None:
    """Silences: for a while no new message is sent of what they mean. Messages that stand are still edited.

    Works on a running relay, by the same configuration: once it is answered, in all its processes.
    """


def _matcher(name: str, help_: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(f"--{name}", multiple=True, metavar=name.upper(), help=help_)


@silence.command(short_help="Begin one.")
@config_option
@_matcher("destination", "At this destination of the configuration.")
@_matcher("job", "Of runs, jobs and batches of this name; * stands for any part.")
@_matcher("type", "Of this operationType; * stands for any part.")
@_matcher("priority", "Of this priority: Low, Normal, High or Critical.")
@_matcher("tenant", "Of this tenant; * stands for any part.")
@_matcher("project", "Of this project; * stands for any part.")
@click.option("--all", "everything", is_flag=True, help="Of everything, wherever it is told.")
@click.option("--for", "lasts", metavar="DURATION", help="It lasts so long: 2h, 1d12h.")
@click.option("--until", metavar="TIME", help="It ends then: 18:00, or 2024-01-20T12:40.")
@click.option("--from", "begins", metavar="TIME", help="It begins then, written the same way; else now.")
@click.option("--reason", required=True, metavar="TEXT", help="Why, for whoever wonders.")
@click.option("--then", type=click.Choice([*THEN]), default="summary", show_default=True,
              help="What it held is told at its end, in one message per destination; or not at all.")  # fmt: skip
@json_option
def add(config: Path, *, as_json: bool, **options: Any) -> None:
    """Begin one: of what all the given matchers mean, no new message is sent until it ends.

    A matcher may be given several times, and means any of these. At least one is needed, or --all; and an end, by --for
    or --until, at most 30 days later. Digests still come at their own time, and notices to relay's operators at once,
    unless --destination names theirs.
    """

    async def work(session: StoreSession) -> None:
        zone, (author, _) = session.config.timezone, actor(os.environ)
        new = silence_of(Asked(**options), session.config, author, session.clock())
        await begin(SilenceList(session.store), new, session.act, zone)
        if new.holds(session.clock()):
            await asyncio.sleep(IN_FORCE)  # whoever reads the answer may rely on it
        if as_json:
            print_json({"added": to_json(new, session.clock())})
        else:
            about = described(new, zone)
            click.echo(visible(f"added {new.id}: {about['of']}, from {about['from']} until {about['until']}"))

    with_store(config, work)


@silence.command("list", short_help="List those that hold or will.")
@config_option
@click.option("--expired", is_flag=True, help="Also those that ended in the last 30 days.")
@json_option
def list_(config: Path, *, expired: bool, as_json: bool) -> None:
    """List those that hold, and those that are still to begin; the next to end first."""

    async def work(session: StoreSession) -> None:
        now = session.clock()
        every = await SilenceList(session.store).all()
        rows = [entry for entry in every if expired or entry.state(now) != "expired"]
        if as_json:
            print_json({"silences": [to_json(row, now) for row in rows]})
        elif rows:
            show(_table(rows, session.config.timezone, now))
        else:
            click.echo(NONE_OVER if expired else NONE)

    with_store(config, work)


@silence.command(short_help="End these now.")
@config_option
@click.argument("ids", nargs=-1, required=True, metavar="ID…")
@json_option
def expire(config: Path, ids: Sequence[str], *, as_json: bool) -> None:
    """End these now; what they held is told at once, where it is to be told. Leaves with 1 if one of them was over."""

    async def work(session: StoreSession) -> None:
        kept, ended = SilenceList(session.store), list[str]()
        listed = {entry.id for entry in await kept.all()}
        if unknown := [id_ for id_ in ids if id_ not in listed]:
            raise RelayError(f"there is no silence {', '.join(unknown)}; `relay silence list` shows them")
        held = await kept.held(ids)
        for id_ in dict.fromkeys(ids):
            if await end(kept, id_, session.act):
                ended.append(id_)
        if ended:
            await asyncio.sleep(IN_FORCE)  # whoever reads the answer may rely on it
        if as_json:
            print_json({"ended": ended, "released": {id_: held[id_] for id_ in ended}})
        for id_ in () if as_json else ended:
            released = f"; held messages sent now: {held[id_]}" if held[id_] else ""
            click.echo(f"ended {visible(id_)}{released}")
        if over := [id_ for id_ in dict.fromkeys(ids) if id_ not in ended]:
            raise RelayError(f"over already: {', '.join(over)}")

    with_store(config, work)


def _table(silences: Iterable[Silence], zone: str, now: float) -> Table:
    """One row each, with the times by the clocks of this zone."""
    rows = table("id", "state", "from", "until", "of", "then", "by", "reason", whole=("id", "from", "until"))
    for entry in silences:
        times = (local(datetime.fromtimestamp(moment, UTC), zone) for moment in (entry.starts, entry.ends))
        texts = (meaning(entry), THEN[entry.then], entry.author, entry.reason)
        rows.add_row(entry.id, entry.state(now), *times, *(Text(visible(text)) for text in texts))
    return rows
