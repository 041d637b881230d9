"""Which dead letters are meant: by destination, reason, event and time, all of which must hold."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from relay.configfile.units import duration
from relay.store.dead_letters import DeadLetter


@dataclass(frozen=True)
class Filter:
    """What was asked for; None where nothing was. The time is for the page to look at."""

    destination: str | None = None
    reason: str | None = None
    event: str | None = None

    def means(self, letter: DeadLetter) -> bool:
        return (
            self.destination in (None, letter.destination)
            and self.reason in (None, letter.reason)
            and (self.event is None or fnmatchcase(letter.event, self.event))
        )


def moment(text: str, zone: str, now: float) -> datetime:
    """The time that `2h` (ago) or `2024-01-20T12:40` means, by the clocks of this zone where it names none.

    ValueError for what is neither, and for a number alone: 20240120 could be seconds as well as a day.
    """
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


def means(pattern: str | None, text: str) -> bool:
    """A pattern without a `*` may be any part."""
    if pattern is None:
        return True
    whole = pattern if "*" in pattern else f"*{pattern}*"
    return fnmatchcase(text.casefold(), whole.casefold().replace("[", "[[]"))
