"""Silences: matchers of events and deliveries whose new messages are held for a while. Pure.

Edits of existing messages go on, for they notify nobody. Digests come at their own time, and notices to operators at
once, unless a silence names their destination. An answer to who pressed a button is never held.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

from pydantic import TypeAdapter

from relay.domain.deliveries import Delivery, Digest, Hold, Silenced, Target, Then
from relay.domain.events import ACTION_DONE, ACTION_REQUESTED, OPERATOR_EVENTS, Event
from relay.domain.jobs import documents_of, job_of, named
from relay.policy.matching import wildcards
from relay.reasons import Held

NEVER_HELD = frozenset({ACTION_REQUESTED, ACTION_DONE})
ROUNDUP, DIGEST = "roundup", "digest"
MAX_CACHED = 1024  # kinds of events
DAY = 86_400.0
LONGEST = 30 * DAY  # from its beginning to its end
AHEAD = 30 * DAY  # how far off its beginning may be
MOST_WORDS, LONGEST_WORD = 50, 200  # of each matcher

# The matchers of events; `jobs` and `types` take `*` for any part.
OF_EVENTS = ("jobs", "types", "priorities", "tenants", "projects")
MATCHERS = ("destinations", *OF_EVENTS)
Patterns = Mapping[str, re.Pattern[str]]


@dataclass(frozen=True, slots=True)
class Silence:
    """Silence whose matchers must all match, each by any one of its words. Times are seconds since the epoch."""

    id: str
    author: str
    reason: str
    starts: float
    until: float  # as it was planned
    created: float
    then: Then = "summary"
    destinations: tuple[str, ...] = ()
    jobs: tuple[str, ...] = ()  # of an operation's, a job's or a batch's name
    types: tuple[str, ...] = ()
    priorities: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    projects: tuple[str, ...] = ()
    ended: float | None = None  # by a person, before its time

    @property
    def ends(self) -> float:
        return self.until if self.ended is None else min(self.ended, self.until)

    @property
    def whole(self) -> bool:
        """Return whether it matches everything at its destinations."""
        return not any(getattr(self, name) for name in OF_EVENTS)

    def is_at(self, destination: str) -> bool:
        return not self.destinations or destination in self.destinations

    def holds(self, now: float) -> bool:
        return self.starts <= now < self.ends

    def state(self, now: float) -> Literal["pending", "active", "expired"]:
        return "expired" if now >= self.ends else "active" if now >= self.starts else "pending"

    @property
    def hold(self) -> Silenced:
        """Return it as the messages that it holds carry it."""
        return Silenced(self.id, self.starts, self.until, in_summary=self.then == "summary")

    def matchers(self) -> dict[str, tuple[str, ...]]:
        return {name: words for name in MATCHERS if (words := getattr(self, name))}

    @property
    def scope(self) -> str:
        """Return `destinations: process-mining or team, jobs: Sales *`."""
        return ", ".join(f"{name}: {' or '.join(its)}" for name, its in self.matchers().items()) or "everything"


def faults(silence: Silence, now: float, *, everything: bool = False) -> list[str]:
    """Name in sentences what is wrong with a new silence. `everything`: it shall match all events."""
    named, lasts = silence.matchers(), silence.until - silence.starts
    checks = [
        (
            not named and not everything,
            "it names nothing that it is for; expected something that it is for, or that it is for everything",
        ),
        (named and everything, "it is for everything, and names what it is for; expected one of the two"),
        (silence.until <= now, "its end is over; expected a time to come"),
        (now < silence.until <= silence.starts, "it ends before it begins"),
        (lasts > LONGEST, f"it lasts longer than {LONGEST / DAY:.0f} days; expected at most that"),
        (silence.starts - now > AHEAD, f"it begins in more than {AHEAD / DAY:.0f} days; expected at most that"),
    ]
    for name, words in named.items():
        odd = any(not word.strip() or len(word) > LONGEST_WORD for word in words)
        checks.append((len(words) > MOST_WORDS, f"{name}: {len(words)} values; expected at most {MOST_WORDS}"))
        checks.append((odd, f"{name}: expected values of 1 to {LONGEST_WORD} characters"))
    return [sentence for wrong, sentence in checks if wrong]


def dump(silence: Silence) -> str:
    """Write it as it is stored; the time when it was ended is stored beside it."""
    return _SILENCE.dump_json(silence, exclude={"id", "ended"}, exclude_defaults=True).decode()


def load(id_: str, text: str, ends: float) -> Silence:
    """Read what `dump` wrote; `ends` is when it ends by now. Fields of a newer relay are left out. ValueError."""
    stated: dict[str, Any] = _STATED.validate_json(text)
    silence = _SILENCE.validate_python(stated | {"id": id_})
    return silence if ends >= silence.until else replace(silence, ended=ends)


_SILENCE, _STATED = TypeAdapter(Silence), TypeAdapter(dict[str, Any])


def strongest(matching: Sequence[Silence]) -> Silence | None:
    """Return the silence that decides of those that match a message: one with a summary, and the last to end."""
    return max(matching, key=lambda silence: (silence.then == "summary", silence.until, silence.id), default=None)


class Silences:
    """The silences known at this moment; `replace` sets them all at once."""

    def __init__(self, silences: Iterable[Silence] = ()) -> None:
        self.current: tuple[Silence, ...] = ()
        self._patterns: list[tuple[Silence, Patterns]] = []
        self._matching: dict[Hashable, tuple[Silence, ...]] = {}  # by what an event states of the matchers
        self.replace(silences)

    def replace(self, silences: Iterable[Silence]) -> None:
        """Take these, each of which may be over or still to begin."""
        self.current = (*silences,)
        self._patterns = [(silence, _patterns(silence)) for silence in self.current]
        self._matching.clear()

    def active(self, now: float) -> list[Silence]:
        return [silence for silence in self.current if silence.holds(now)]

    def matching(self, event: Event, now: float) -> list[Silence]:
        """Return the active silences that match the event, whatever their destinations."""
        return self._active_for(event, now, event.job)

    def applied(self, event: Event, targets: Sequence[Target]) -> Sequence[Target]:
        """Return the targets of an event, with the silence that holds what would be a new message there."""
        matching = self._active_for(event, event.received_at.timestamp(), event.job)
        return [_with(target, matching) for target in targets] if matching else targets

    def hold(self, delivery: Delivery, now: float, template: str = "") -> Hold | None:
        """Return the hold of a delivery that is about to be sent; None where it is sent. `template` names jobs."""
        event = delivery.event
        if delivery.edits or event.name in NEVER_HELD:
            return None
        if event.name in OPERATOR_EVENTS or delivery.kind == DIGEST:
            return _held([silence for silence in self._whole(now, delivery) if silence.destinations], event, "later")
        if delivery.kind == ROUNDUP:  # a silence that shows nothing does not hold another one's summary
            promised = event.document.get("kind") == "silence"
            whole = self._whole(now, delivery)
            return _held([silence for silence in whole if silence.then == "summary" or not promised], event, "bundled")
        job = named(template, *documents_of(event, delivery.history)) if template else ""
        matching = [silence for silence in self._active_for(event, now, job) if silence.is_at(delivery.destination)]
        return _held(matching, event, "bundled")

    def _active_for(self, event: Event, now: float, job: str | None) -> list[Silence]:
        if not self.current:
            return []
        stated = _stated(event, job)
        key = (*stated.values(),)
        if key not in self._matching:
            if len(self._matching) >= MAX_CACHED:
                self._matching.clear()
            self._matching[key] = tuple(silence for silence, its in self._patterns if _matches(its, stated))
        return [silence for silence in self._matching[key] if silence.holds(now)]

    def _whole(self, now: float, delivery: Delivery) -> list[Silence]:
        """Return the active silences of everything at this destination."""
        active = self.active(now)
        return [silence for silence in active if silence.whole and silence.is_at(delivery.destination)]


def matcher(silence: Silence) -> Callable[[Mapping[str, tuple[str, ...]]], bool]:
    """Return a check of what an event states: whether the silence is for it, at any destination."""
    return partial(_matches, _patterns(silence))


def _patterns(silence: Silence) -> Patterns:
    """Return a pattern for each matcher of events."""
    matchers = {name: getattr(silence, name) for name in OF_EVENTS}
    return {name: wildcards(words) for name, words in matchers.items() if words}


def _matches(patterns: Patterns, stated: Mapping[str, tuple[str, ...]]) -> bool:
    return all(
        any(text and pattern.fullmatch(text.casefold()) for text in stated[name]) for name, pattern in patterns.items()
    )


def _with(target: Target, matching: Sequence[Silence]) -> Target:
    """Return the target held by one of them, or left out of a digest."""
    silence = strongest([silence for silence in matching if silence.is_at(target.destination)])
    if silence is None or target.hold_reason:
        return target
    if isinstance(target.how, Digest):
        left_out = silence.then == "nothing" and silence.destinations
        return replace(target, hold_reason=Held.SILENCED, silence=silence.hold) if left_out else target
    return replace(target, silence=silence.hold)


def _held(matching: Sequence[Silence], event: Event, how: Literal["bundled", "later"]) -> Hold | None:
    received = event.received_at.timestamp()
    silence = strongest([silence for silence in matching if silence.starts <= received])
    if silence is None:
        return None
    return Hold(silence.hold, how if silence.then == "summary" else "dropped")


def _stated(event: Event, job: str | None) -> Mapping[str, tuple[str, ...]]:
    """Return what the event states of each matcher. A run is known by its own name and by that of its job."""
    operation, about = event.operation, event.batch if event.about_batch else event.operation
    names = [about.name] if about else []
    if its := job_of(event, name=job):
        names += [its.name, its.title]
    return {
        "jobs": (*names,),
        "types": (operation.type,) if operation else (),
        "priorities": (operation.priority,) if operation else (),
        "tenants": (event.tenant,),
        "projects": (event.project,),
    }
