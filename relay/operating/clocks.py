"""Times as people and programs are given them: by a zone's clocks, or as ISO 8601 in UTC."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(at: datetime, zone: str = "") -> str:
    """`2024-01-20 12:40:00 CET`: the time in this zone, or without one in that of this machine, and which it is."""
    return there(at, zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def there(at: datetime, zone: str = "") -> datetime:
    return at.astimezone(ZoneInfo(zone) if zone else None)
