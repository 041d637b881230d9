"""Times as people and programs give them and are given them: by a zone's clocks, or as ISO 8601 in UTC."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from relay.configfile.units import duration
from relay.errors import RelayError

CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)")


def iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def local(at: datetime, zone: str = "") -> str:
    """Return `2024-01-20 12:40:00 CET`: the time in this zone, or without one in that of this machine."""
    return there(at, zone).strftime("%Y-%m-%d %H:%M:%S %Z")


def there(at: datetime, zone: str = "") -> datetime:
    return at.astimezone(ZoneInfo(zone) if zone else None)


def moment(text: str, zone: str, now: float) -> datetime:
    """Return the time of `2h` (ago) or `2024-01-20T12:40`, by default in this zone; else ValueError."""
    if re.fullmatch(r"[\d.\s]+", text):
        raise ValueError("a number alone has no unit; expected for instance 2h, or a time such as 2024-01-20T12:40")
    try:
        return datetime.fromtimestamp(now - duration(text), UTC)
    except ValueError:
        pass
    try:
        named = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("expected for instance 2h, or a time such as 2024-01-20T12:40") from None
    return named if named.tzinfo else named.replace(tzinfo=ZoneInfo(zone))


def next_moment(text: str, zone: str, after: float) -> float:
    """Return the time of `18:00` (the next) or `2024-01-20T12:40`, by default in this zone. RelayError for others."""
    here, stated = ZoneInfo(zone), text.strip()
    try:
        if match := CLOCK.fullmatch(stated):
            day = datetime.fromtimestamp(after, here)
            named = day.replace(hour=int(match[1]), minute=int(match[2]), second=0, microsecond=0, fold=0)
            return (named if named.timestamp() > after else named + timedelta(days=1)).timestamp()
        named = datetime.fromisoformat(stated)
        return (named if named.tzinfo else named.replace(tzinfo=here)).timestamp()
    except (ValueError, OverflowError):  # it is no time, or one beyond the years that there are
        raise RelayError(f"{text}: expected for instance 18:00, or 2024-01-20T12:40") from None
