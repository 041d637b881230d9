"""What the commands share that look at a running relay: the way to its store, and how its facts are printed."""

import asyncio
import json
import os
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from relay.app import StoreSession, open_session
from relay.cli.logs import configure
from relay.cli.options import refuse
from relay.errors import RelayError

# Control characters, marks that turn the writing round, halves of pairs: JSON itself escapes only those below a space.
UNSEEN = re.compile(r"[\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


def with_store(config: Path, work: Callable[[StoreSession], Awaitable[None]]) -> None:
    """Run `work` on the store of the relay with this configuration; leave with 1 and the reason if there is none."""

    async def run() -> None:
        async with open_session(config, dict(os.environ)) as desk:
            await work(desk)

    configure(machine=False, level="warning")  # what a command says of itself is its answer
    try:
        asyncio.run(run())
    except RelayError as error:
        refuse(error)


def print_json(value: object) -> None:
    """As JSON that a terminal may see: what would steer it is escaped, so nothing is lost."""
    click.echo(UNSEEN.sub(_escaped, json.dumps(value, ensure_ascii=False, indent=2)))


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(at: datetime, zone: str = "") -> str:
    """`2024-01-20 12:40:00 CET`: the time in this zone, or without one in that of this machine, and which it is."""
    return there(at, zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def there(at: datetime, zone: str = "") -> datetime:
    return at.astimezone(ZoneInfo(zone) if zone else None)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"
