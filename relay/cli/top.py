"""relay top: is everything reaching people? The console's first page, in a terminal."""

import asyncio
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.text import Text

from relay.cli.formatting import print_json
from relay.cli.glance.live import Live
from relay.cli.glance.onlooker import Onlooker
from relay.cli.glance.onlooker import as_json as facts_as_json
from relay.cli.glance.picture import headline, picture
from relay.cli.glance.sheet import Sheet, letters_of
from relay.cli.glance.terminal import is_live
from relay.cli.logs import configure
from relay.cli.options import config_option, json_option, refuse
from relay.cli.screen import console, show
from relay.cli.session import StoreSession, with_store
from relay.errors import RelayError


@click.command(short_help="Show what goes on now, and what stands in the way.")
@config_option
@click.option("--interval", metavar="SECONDS", default=2.0, show_default=True, type=click.FloatRange(0.5, 3600),
              help="How long it is between two looks.")  # fmt: skip
@click.option("--filter", "pattern", metavar="TEXT", default="",
              help="Of runs those alone that have this in their name or state; of destinations and sources, in their"
                   " name.")  # fmt: skip
@click.option("--once", is_flag=True, help="Show it once, and end.")
@json_option
def top(config: Path, interval: float, pattern: str, *, once: bool, as_json: bool) -> None:
    """Show what goes on now and what stands in the way: the console's first page, kept up to date in a terminal.

    Works on a running relay, by the same configuration. q or Ctrl-C leaves it, arrows choose a run, Enter shows what
    happened to it, / filters. Where standard output is no terminal it is shown once.
    """
    if as_json or once or not is_live():
        with_store(config, lambda session: _show(session, pattern, as_json=as_json))
        return
    configure(machine=False, level="error")  # a line between would spoil the picture, which says the same
    try:
        asyncio.run(Live(config, dict(os.environ), interval, pattern, time.time).run())
    except RelayError as error:
        refuse(error)


async def _show(session: StoreSession, pattern: str, *, as_json: bool) -> None:
    facts = await Onlooker(session).look()
    if as_json:
        print_json(facts_as_json(facts))
        return
    now = datetime.fromtimestamp(session.clock(), UTC)
    sheet = Sheet(console().width, now, session.config.timezone, letters_of(sys.stdout.encoding))
    lines = [headline(facts, sheet), *(line.text for line in picture(facts, sheet, pattern))]
    for line in lines:
        line.rstrip()
    show(Text("\n").join(lines))
