"""Times as senders write them: ISO 8601 in any precision, `2016-08-12 15:26:29 UTC`, seconds or milliseconds. Pure."""

import re
from datetime import UTC, datetime
from functools import lru_cache

from relay.domain.documents import is_stated

MILLISECONDS = 10**11  # from here on: as seconds it would be the year 5138
LATEST = 10**14
DIGITS = 9  # of seconds since 1970, at least: 20261121 is a day
LONGEST = 64  # characters
_ZONE = re.compile(r"\s(UTC|GMT|Z|[+-]\d{2}:?\d{2})$")


def iso_of(value: object) -> str | None:
    """Return the time in UTC and ISO 8601; None for what is none, also for the first and the last year."""
    if type(value) is int or type(value) is float or (type(value) is str and len(value) <= LONGEST):
        return _iso_of(value)
    return None


@lru_cache(4096)  # the events of a run repeat when it and its phases began
def _iso_of(value: str | float) -> str | None:
    moment = _moment_of(value.strip()) if isinstance(value, str) else _since_epoch(value)
    return moment.isoformat() if moment else None


def _moment_of(text: str) -> datetime | None:
    if len(text) >= DIGITS and text.isascii() and text.isdigit():
        return _since_epoch(int(text))
    if " " in text and (zone := _ZONE.search(text)):
        text = text[: zone.start()].rstrip() + ("+00:00" if zone[1].isalpha() else zone[1])
    try:
        moment = datetime.fromisoformat(text)
        moment = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if is_stated(moment) else None


def _since_epoch(number: float) -> datetime | None:
    if not 0 < number < LATEST:
        return None
    return datetime.fromtimestamp(number / 1000 if number >= MILLISECONDS else number, UTC)
