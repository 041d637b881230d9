"""How the facts that commands print are written: times by a zone's clocks, and JSON that steers no terminal."""

import json
import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click

# Control characters, marks that turn the writing round, halves of pairs: JSON itself escapes only those below a space.
UNSEEN = re.compile(r"[\x7f-\xa0\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")


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


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"
