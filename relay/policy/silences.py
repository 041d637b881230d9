"""Which silence means a message: asked of each event before it is stored, and of each delivery before it is sent. Pure.

Edits of messages that stand go on, for they call nobody. Digests come at their own time, and relay's notices to its
operators at once, unless a silence names their destination. What somebody waits for who pressed a button is no news: it
is never held.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Literal

from relay.domain.deliveries import Delivery, Digest, Target
from relay.domain.events import ACTION_DONE, ACTION_REQUESTED, OPERATOR_EVENTS, Event
from relay.domain.jobs import job_of, missing_job, named
from relay.domain.silences import OF_EVENTS, Hold, Silence, matches_pattern, strongest
from relay.reasons import Held

MAX_TEXTS = 1024  # texts; that of an operation's name comes with each of its events


class Words:
    """Of one matcher: `words` has those of each silence, none where it does not ask."""

    def __init__(self, words: Sequence[Sequence[str]]) -> None:
        self._unasking = 0  # the silences that take any text, or none
        self._exact: dict[str, int] = {}
        self._patterns: dict[str, dict[str, int]] = {}  # by what a text begins with
        self._kept: dict[str, int] = {}
        for number, asked in enumerate(words):
            self._unasking |= (not asked) << number
            for word in asked:
                self._add(word.casefold(), 1 << number)
        self._lengths = sorted({len(head) for head in self._patterns})

    def meaning(self, texts: Iterable[str]) -> int:
        """The silences that one of these texts, or none, is enough for."""
        bits = self._unasking
        if self._exact or self._patterns:
            for text in texts:
                bits |= self._of(text)
        return bits

    def _add(self, word: str, bit: int) -> None:
        beginning, star, _ = word.partition("*")
        patterns = self._patterns.setdefault(beginning, {}) if star else self._exact
        patterns[word] = patterns.get(word, 0) | bit

    def _of(self, text: str) -> int:
        bits = self._kept.get(text)
        if bits is None:
            if len(self._kept) >= MAX_TEXTS:
                self._kept.clear()
            bits = self._kept[text] = self._tried(text.casefold())
        return bits

    def _tried(self, text: str) -> int:
        if not text:
            return 0
        bits = self._exact.get(text, 0)
        for length in self._lengths:
            for pattern, silences in self._patterns.get(text[:length], {}).items():
                if matches_pattern(pattern, text):
                    bits |= silences
        return bits


NEVER_HELD = frozenset({ACTION_REQUESTED, ACTION_DONE})
ROUNDUP, DIGEST = "roundup", "digest"
MOST_KEPT = 1024  # kinds of events, and runs


class Silences:
    """Those that are known at this moment. Whoever reads them from the store replaces them all at once."""

    def __init__(self, silences: Iterable[Silence] = ()) -> None:
        self.current: tuple[Silence, ...] = ()
        self._fits: dict[Hashable, tuple[Silence, ...]] = {}  # all events of a run ask for the same
        self.replace(silences)

    def replace(self, silences: Iterable[Silence]) -> None:
        """Take these, each of which may be over or still to begin."""
        self.current = (*silences,)
        self._words = {name: Words([getattr(silence, name) for silence in self.current]) for name in OF_EVENTS}
        self._fits.clear()

    def active(self, now: float) -> list[Silence]:
        return [silence for silence in self.current if silence.holds(now)]

    def meaning(self, event: Event, now: float) -> list[Silence]:
        """Those that mean the event now, wherever it is told: each names its destinations, or means all."""
        return self._meaning(event, now, event.job)

    def applied(self, event: Event, targets: Sequence[Target]) -> Sequence[Target]:
        """The targets of an event, with the silence that holds what would be a new message there."""
        matching = self._meaning(event, event.received_at.timestamp(), event.job)
        return [_with(target, matching) for target in targets] if matching else targets

    def hold(self, delivery: Delivery, now: float, template: str = "") -> Hold | None:
        """What becomes of a delivery that is about to be sent; None where it is. `template` names jobs.

        A silence holds what happened in it: events since it began, and round-ups and digests that became due since.
        """
        event = delivery.event
        if delivery.edits or event.name in NEVER_HELD:
            return None
        if event.name in OPERATOR_EVENTS or delivery.kind == DIGEST:
            return _held([silence for silence in self._whole(now, delivery) if silence.destinations], event, "later")
        if delivery.kind == ROUNDUP:  # what one promised to tell, another that tells nothing does not keep back
            promised = event.document.get("kind") == "silence"
            whole = self._whole(now, delivery)
            return _held([silence for silence in whole if silence.then == "summary" or not promised], event, "bundled")
        documents = [event.operation.document] if event.operation else []
        job = named(template, *documents, event.document) if template else ""
        matching = [silence for silence in self._meaning(event, now, job) if _at(silence, delivery.destination)]
        return _held(matching, event, "bundled")

    def _meaning(self, event: Event, now: float, job: str | None) -> list[Silence]:
        """Those that mean the event, wherever it is told."""
        if missing_job(event):  # by its document alone
            return [silence for silence in self._fitting(event, job) if silence.holds(now)]
        operation, batch = event.operation, event.batch if event.about_batch else None
        run = (operation.name, operation.type, operation.priority) if operation else None
        key = run, batch and batch.name, event.tenant, event.project, event.name[:6], job
        fitting = self._fits.get(key)
        if fitting is None:
            if len(self._fits) >= MOST_KEPT:
                self._fits.clear()
            fitting = self._fits[key] = self._fitting(event, job)
        return [silence for silence in fitting if silence.holds(now)]

    def _fitting(self, event: Event, job: str | None) -> tuple[Silence, ...]:
        """Those that mean such events, at one time or another."""
        bits = (1 << len(self.current)) - 1
        for name, texts in _stated(event, job).items():
            bits &= self._words[name].meaning(texts)
        return tuple([silence for number, silence in enumerate(self.current) if bits >> number & 1]) if bits else ()

    def _whole(self, now: float, delivery: Delivery) -> list[Silence]:
        """Those that mean whatever would be sent there."""
        active = self.active(now)
        return [silence for silence in active if silence.whole and _at(silence, delivery.destination)]


def _with(target: Target, matching: Sequence[Silence]) -> Target:
    """Held by one of them, or left out of a digest."""
    silence = strongest([silence for silence in matching if _at(silence, target.destination)])
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


def _at(silence: Silence, destination: str) -> bool:
    return not silence.destinations or destination in silence.destinations


def _stated(event: Event, job: str | None) -> Mapping[str, tuple[str, ...]]:
    """What the event says of each matcher."""
    operation = event.operation
    return {
        "jobs": (*_names(event, job),),
        "types": (operation.type,) if operation else (),
        "priorities": (operation.priority,) if operation else (),
        "tenants": (event.tenant,),
        "projects": (event.project,),
    }


def _names(event: Event, job: str | None) -> Iterator[str]:
    """By which people know what it is about: as it is called, and as the job that it is a run of."""
    about = event.batch if event.about_batch else event.operation
    if about and about.name:
        yield about.name
    if its := job_of(event, name=job):
        yield its.name
        yield its.title
