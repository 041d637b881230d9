"""How the facts that commands print are written: times by a zone's clocks, and JSON that steers no terminal."""

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import click


def print_json(value: object) -> None:
    """As JSON that a terminal may see: what would steer it is escaped, so nothing is lost."""
    text = json.dumps(value, ensure_ascii=False, indent=2)  # which escapes what is below a space, and nothing else
    click.echo(text if text.isascii() and "\x7f" not in text else "".join(map(_escaped, text)))


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(at: datetime, zone: str = "") -> str:
    """`2024-01-20 12:40:00 CET`: the time in this zone, or without one in that of this machine, and which it is."""
    return there(at, zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def there(at: datetime, zone: str = "") -> datetime:
    return at.astimezone(ZoneInfo(zone) if zone else None)


def _escaped(letter: str) -> str:
    return letter if letter.isprintable() or letter == "\n" else json.dumps(letter)[1:-1]
