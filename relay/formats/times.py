"""Times as senders write them: ISO 8601 in any precision, `2016-08-12 15:26:29 UTC`, seconds or milliseconds. Pure."""

import re
from datetime import UTC, datetime
from functools import lru_cache

from relay.domain.documents import is_stated

MILLISECONDS = 10**11  # from here on: as seconds it would be the year 5138
LATEST = 10**14
DIGITS = 9  # of seconds since 1970, at least: 20261121 is a day
LONGEST = 64  # characters
_ZONE = re.compile(r"\s+(UTC|GMT|Z|[+-]\d{2}:?\d{2})$")


def moment_of(value: object) -> datetime | None:
    """Return the time in UTC; None for what is none, also for the first and the last year, which mean none."""
    if isinstance(value, str):
        return _moment_of_text(value) if len(value) <= LONGEST else None
    return _since_epoch(value) if type(value) is int or type(value) is float else None


@lru_cache(1024)  # the events of a run repeat when it began
def _moment_of_text(value: str) -> datetime | None:
    text = value.strip()
    if len(text) >= DIGITS and text.isascii() and text.isdigit():
        return _since_epoch(int(text))
    if zone := _ZONE.search(text):
        text = text[: zone.start()] + ("+00:00" if zone[1].isalpha() else zone[1])
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
