"""Which dead letters are meant: by destination, reason, event and time, all of which must hold."""

import re
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

from relay.configfile.units import duration
from relay.configfile.validation import suggest
from relay.errors import RelayError
from relay.operating.entries import Entry
from relay.store.dead_letters import DeadLetter

QUARANTINED, FAULT = "quarantined", "fault"  # what a body in the quarantine has in place of a reason


@dataclass(frozen=True)
class Filter:
    """What was asked for; None where nothing was."""

    destination: str | None = None
    reason: str | None = None
    event: str | None = None
    since: str | None = None

    def __bool__(self) -> bool:
        return self != Filter()

    @property
    def given(self) -> dict[str, str]:
        """By name, as the audit trail keeps them."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def select(self, entries: Sequence[Entry], *, configured: Collection[str], zone: str, now: float) -> list[Entry]:
        """The entries that match, in their order. RelayError for a destination that is not configured either."""
        destinations = {entry.destination for entry in entries if isinstance(entry, DeadLetter)} | {*configured}
        if self.destination is not None and self.destination not in destinations:
            raise RelayError(f"there is no destination {self.destination}; {suggest(self.destination, destinations)}")
        since = None if self.since is None else moment(self.since, zone, now)
        return [entry for entry in entries if self.means(entry, since)]

    def means(self, entry: Entry, since: datetime | None) -> bool:
        """`since` is the time that this one's text stands for."""
        if isinstance(entry, DeadLetter):
            destination, event, reason, at = entry.destination, entry.event, entry.reason, entry.died_at
        else:  # it is no event, and for nobody yet
            destination, event, reason, at = "", "", FAULT if entry.fault else QUARANTINED, entry.at
        return (
            self.destination in (None, destination)
            and self.reason in (None, reason)
            and (self.event is None or fnmatchcase(event, self.event))
            and (since is None or at >= since)
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
