"""Events by name, with `*` for any part of it: as rules and sources mean them. Pure."""

from fnmatch import fnmatchcase

from relay.domain.events import BATCH_EVENTS, OPERATION_EVENTS, WATCH_EVENTS

PATTERN = r"[A-Za-z*][\w.:*-]{0,127}"  # what is one at all
KNOWN_EVENTS = frozenset({*OPERATION_EVENTS, *BATCH_EVENTS, *WATCH_EVENTS})


def fits(pattern: str, event: str) -> bool:
    """Whether an event's name is what a rule's `events` means.

    `*` stands for any part of the name of an event that relay knows. Of an unknown event nobody can say whom it
    concerns, so it reaches only rules that name it.
    """
    return pattern == event or (event in KNOWN_EVENTS and fnmatchcase(event, pattern))


def known_events(pattern: str) -> tuple[str, ...]:
    """The events that relay knows and this pattern fits."""
    return tuple(name for name in sorted(KNOWN_EVENTS) if fits(pattern, name))
