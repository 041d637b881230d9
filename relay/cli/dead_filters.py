"""Which dead letters are meant: by destination, reason, event and time, all of which must hold."""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import Any
from zoneinfo import ZoneInfo

import click

from relay.cli.dead_letters import Entry
from relay.configfile.units import duration
from relay.configfile.validation import suggest
from relay.errors import RelayError
from relay.reasons import Dead, sentences
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

    def select(self, entries: Sequence[Entry], *, configured: Collection[str], zone: str, now: float) -> list[Entry]:
        """The entries that match, in their order. RelayError for a destination that is not configured either."""
        destinations = {entry.destination for entry in entries if isinstance(entry, DeadLetter)} | {*configured}
        if self.destination is not None and self.destination not in destinations:
            raise RelayError(f"there is no destination {self.destination}; {suggest(self.destination, destinations)}")
        since = None if self.since is None else moment(self.since, zone, now)
        return [entry for entry in entries if self._matches(entry, since)]

    def _matches(self, entry: Entry, since: datetime | None) -> bool:
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


def not_empty(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
    """Refuse what a shell makes of a variable that is not set: to drop by it would drop everything."""
    if text is not None and not text.strip():
        raise click.BadParameter("it is empty; say which, or leave the option out")
    return text


def _a_time(context: click.Context, option: click.Parameter, text: str | None) -> str | None:
    not_empty(context, option, text)
    try:
        if text is not None:
            moment(text, "UTC", 0)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None
    return text


_OPTIONS = (
    click.option("--destination", metavar="NAME", callback=not_empty, help="For this destination."),
    click.option(
        "--reason",
        type=click.Choice([*sentences(Dead), QUARANTINED, FAULT]),
        metavar="REASON",
        help=f"Of this reason: {', '.join([*sentences(Dead), QUARANTINED, FAULT])}.",
    ),
    click.option(
        "--event", metavar="NAME", callback=not_empty, help="Of this event; * stands for any part: operation.*."
    ),
    click.option(
        "--since",
        metavar="WHEN",
        callback=_a_time,
        help="Dead for less than 2h, or since a time such as 2024-01-20T12:40.",
    ),
)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """--destination, --reason, --event and --since, for a `Filter`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
