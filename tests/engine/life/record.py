"""Record of a life, complete: what was accepted, what was sent, what arrived."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Any

from relay.domain.deliveries import Accepted, Delivery, Each, Target
from relay.domain.digest_entries import summarize
from relay.domain.events import TERMINAL, Event
from relay.domain.identity import fingerprint
from relay.domain.parsing import dump, load

Lane = tuple[str, str, str, str]  # subject, its space, destination, address
Fact = tuple[str, str, str, str]  # subject, its space, fingerprint, time
BUNDLES = ("digest", "roundup")
TOLD_LATER = ("", "quiet_hours", "silenced")  # in a life every silence has a summary
MOVING = ("guild",)  # destinations whose address changes: a message goes to either


def fact_of(event: Event) -> Fact:
    """Of an event as it is kept. (A batch's does not keep which run of a member it was counted as: its time does.)"""
    return event.subject, event.space(event.subject), fingerprint(event), event.occurred_at.isoformat()


def place_of(place: Any) -> tuple[str, str]:
    """Return destination and address of a target or a delivery."""
    return place.destination, "" if place.destination in MOVING else place.address


def lane_of(event: Event, place: Target | Delivery) -> Lane:
    return event.subject, event.space(event.subject), *place_of(place)


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to arrive at one address of one event that was accepted."""

    event: Event
    target: Target
    position: int
    held: str = ""  # for a bundle; what is held for good is expected nowhere

    @property
    def lane(self) -> Lane:
        return lane_of(self.event, self.target)


@dataclass(slots=True)
class Attempt:
    """A delivery from the mark before its first byte to what relay learned of it."""

    delivery: Delivery
    position: int = -1  # of the newest state that it shows
    number: int = -1  # among all that arrived; -1: it did not
    outlived: bool = False  # it showed an outcome of its own by then: the live message was the next run's
    known_by: float = inf  # how many attempts had begun when it was committed what became of it
    told: bool = False  # relay was told that it arrived, be it too late
    begun: int = 0  # its place among all attempts

    @property
    def known(self) -> bool:
        return self.known_by < inf


@dataclass(frozen=True, slots=True)
class Dead:
    """A dead letter, with what it would show."""

    id: str
    kind: str
    operation: str
    destination: str
    address: str
    event: Event | None
    rows: Sequence[Mapping[str, Any]] = ()


@dataclass
class Record:
    positions: dict[Fact, int] = field(default_factory=dict)
    facts: set[Fact] = field(default_factory=set)
    times: Counter[Fact] = field(default_factory=Counter)  # of one fact as it is kept
    expected: list[Expected] = field(default_factory=list)
    withheld: dict[tuple[Fact, tuple[str, str]], str] = field(default_factory=dict)  # for good, and why
    attempts: list[Attempt] = field(default_factory=list)
    entries: dict[tuple[str, ...], int] = field(default_factory=dict)  # what a bundle says of a state → position
    endings: dict[tuple[str, str], int] = field(default_factory=dict)  # newest outcome of each operation
    recoveries: dict[tuple[str, str], int] = field(default_factory=dict)  # and its newest sign that it goes on
    newest_runs: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)  # number → position of its first
    numbers: dict[tuple[str, str, str], int] = field(default_factory=dict)  # of each run under a new id
    members: dict[tuple[str, str], tuple[str, str]] = field(default_factory=dict)  # tenant, own id → operation
    unread: dict[str, float] = field(default_factory=dict)  # address → position after which mails reach it again
    muted: set[Lane] = field(default_factory=set)
    taken: set[tuple[str, str]] = field(default_factory=set)  # operations
    replays: Counter[str] = field(default_factory=Counter)
    dropped: list[Dead] = field(default_factory=list)
    marks: dict[Lane, tuple[int, float]] = field(default_factory=dict)  # run and percentage of progress that passed
    arrivals: int = 0

    def accepted(self, event: Event, targets: Sequence[Target], answer: Accepted) -> None:
        """An event was accepted for these targets."""
        raw = fact_of(event)
        assert raw not in self.facts, f"accepted twice: {raw}"
        self.facts.add(raw)
        event = load(dump(event))  # as it is kept
        fact, operation = fact_of(event), fact_of(event)[:2]
        position = self.positions[fact] = len(self.facts)
        self.times[fact] += 1
        self.entries[entry_key(summarize(event))] = position
        self._of_operation(event, operation, position)
        if event.document.get("action", {}).get("name") == "mute":
            self.muted |= {lane_of(event, target) for target in targets}
        if event.document.get("action", {}).get("name") == "take":
            self.taken.add(operation)
        held = dict(answer.held)
        assert not targets or answer.deliveries + len(answer.held) == len(targets), (fact, answer)
        for target in targets:
            reason = held.get(target.destination, "")
            self._gate(event, target, reason)
            if reason in TOLD_LATER:
                self.expected.append(Expected(event, target, position, reason))
            else:
                self.withheld[fact, place_of(target)] = reason

    def _of_operation(self, event: Event, operation: tuple[str, str], position: int) -> None:
        if event.original and not event.watch and not event.action and event.operation:
            began = event.operation.document.get("progress", {}).get("startTime", "")
            numbers = self.numbers.setdefault((event.tenant, event.own_id, began), event.retry)
            assert numbers == event.retry, f"of run {numbers}, and now of {event.retry}: {event}"
        if not event.about_batch:
            self.members[event.tenant, event.own_id] = operation
            if event.retry > self.newest_runs.get(operation, (0, 0))[0]:
                self.newest_runs[operation] = event.retry, position
        if event.terminal:
            self.endings[operation] = position
        if event.name == "batch.operation.completed":
            self.endings[self.members.get((event.tenant, event.own_id), operation)] = position
        if event.status not in TERMINAL and event.name != "operation.stalled":
            self.recoveries[operation] = position

    def _gate(self, event: Event, target: Target, reason: str) -> None:
        """Progress passes where it moved by the increment since what passed last, and nowhere else."""
        if event.name != "operation.progress" or not isinstance(target.how, Each) or len(target.how.gates) != 1:
            return
        gate, percentage, lane = target.how.gates[0], event.percentage, lane_of(event, target)
        if gate.interval or not gate.increment or percentage is None or reason not in (*TOLD_LATER, "increment"):
            return
        run, mark = self.marks.get(lane, (-1, 0.0))
        passes = run != event.retry or percentage == 100 or percentage >= mark + gate.increment
        passed = reason != "increment"
        assert passes == passed, f"{percentage} % after {mark} % of run {run} passes: {passed} {event}"
        if passes:
            self.marks[lane] = event.retry, percentage

    def suppressed(self, address: str, *, ends: bool) -> None:
        """From now on nothing is sent there, or it is again."""
        self.unread[address] = len(self.facts) if ends and address in self.unread else 0 if ends else inf

    def begun(self, delivery: Delivery) -> Attempt:
        """Somebody may send this now."""
        position = -1 if delivery.kind in BUNDLES else self.positions[fact_of(delivery.event)]
        self.attempts.append(Attempt(delivery, position, begun=len(self.attempts)))
        return self.attempts[-1]

    def arrived(self, attempt: Attempt) -> None:
        attempt.number = self.arrivals
        self.arrivals += 1

    def shown(self, rows: Sequence[Mapping[str, Any]], subject: str) -> int:
        """The newest state of this operation that a bundle with these rows shows; -1 if none."""
        return max((self.entries.get(entry_key(row), -1) for row in rows if row["id"] == subject), default=-1)


def entry_key(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what tells two states of an entry apart, with the tenant's name in the operation's."""
    return tuple(str(entry.get(name, "")) for name in ("id", "name", "status", "at", "retry"))
