"""Silences that match a message: an event before it is stored, or a delivery before it is sent. Pure.

Edits of existing messages go on, for they notify nobody. Digests come at their own time, and notices to operators at
once, unless a silence names their destination. An answer to who pressed a button is never held.
"""

import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from relay.domain.deliveries import Delivery, Digest, Target
from relay.domain.events import ACTION_DONE, ACTION_REQUESTED, OPERATOR_EVENTS, Event
from relay.domain.jobs import documents_of, job_of, named
from relay.domain.silences import OF_EVENTS, Hold, Silence, strongest
from relay.policy.matching import wildcards
from relay.reasons import Held

NEVER_HELD = frozenset({ACTION_REQUESTED, ACTION_DONE})
ROUNDUP, DIGEST = "roundup", "digest"
MAX_CACHED = 1024  # kinds of events

Patterns = Mapping[str, re.Pattern[str]]


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
