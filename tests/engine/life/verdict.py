"""Invariants at the end of a life, when all is well again and nothing is left to do."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

from relay.domain.deliveries import Digest, Live
from relay.domain.events import Event
from relay.engine.arrival import OUTCOMES
from relay.policy.presentation import variant_of
from tests.engine.life.record import BUNDLES, MOVING, Attempt, Dead, Expected, Record, fact_of, lane_of, place_of

PASSING = ("operation.progress", "operation.phase.completed", "operation.stalled", "operation.recovered")
BUNDLE_KINDS = ("digest", "roundup", "rolling")


class Verdict:
    """Judges the record by what arrived, and by the deliveries that are dead or were dropped."""

    def __init__(self, record: Record, dead: list[Dead]) -> None:
        self._record = record
        # Escalations repeat a failure, wherever the configuration says: their own rules are those of hand-outs.
        arrived = [attempt for attempt in record.attempts if attempt.number >= 0 and not attempt.delivery.waited]
        self._arrived = sorted(arrived, key=lambda attempt: attempt.number)
        self._dead = dead
        replies = [one.delivery.id for one in record.attempts if one.delivery.kind == "reply"]
        self._outlived = {*replies, *(letter.id for letter in dead if letter.kind == "reply")}
        self._by_lane: dict[tuple[str, ...], list[Attempt]] = defaultdict(list)
        self._by_fact: dict[tuple[str, ...], list[Attempt]] = defaultdict(list)
        self._batches = {
            (one.event.subject, one.event.tenant, *place_of(one.target))
            for one in record.expected
            if one.event.about_batch
        }
        # Members whose end their batch shows: that arrives in one place, by whichever came first.
        ends = [one.event for one in record.expected if one.event.name == "batch.operation.completed"]
        self._reported = {event.own_id for event in ends}
        for attempt in self._arrived:
            event = attempt.delivery.event
            if attempt.delivery.kind not in BUNDLES:
                self._by_lane[lane_of(event, attempt.delivery)].append(attempt)
                self._by_fact[(*fact_of(event), *place_of(attempt.delivery))].append(attempt)

    def faults(self) -> list[str]:
        return [*self.untold(), *self.repeated(), *self.unwanted(), *self.stale(), *self.disordered()]

    def untold(self) -> Iterator[str]:
        """Events that should have arrived somewhere, and did not."""
        for expected in self._record.expected:
            if not self._told(expected):
                event, target = expected.event, expected.target
                yield (f"untold: {fact_of(event)} at {target.destination}, position {expected.position} {expected.held}"
                       f": {[(one.delivery.kind, one.position) for one in self._by_lane[expected.lane]]}")  # fmt: skip

    def _told(self, expected: Expected) -> bool:
        return (
            self._itself(expected)
            or (isinstance(expected.target.how, Live) and (self._by_message(expected) or self._by_batch(expected)))
            or self._in_bundle(expected)
            or self._healed(expected)
            or self._corrected(expected)
            or self._pointless(expected)
            or self._given_up(expected)
        )

    def _itself(self, expected: Expected) -> bool:
        """In a message of its own. For a live message an outcome is told by its reply."""
        told = self._by_fact[(*fact_of(expected.event), *expected.lane[2:])]
        return any(not one.delivery.edits for one in told)

    def _by_message(self, expected: Expected) -> bool:
        """By the live message, whose last edit is of this state or a newer one. An edit calls nobody to an outcome."""
        event, told = expected.event, self._by_lane[expected.lane]
        if any(self._supersedes(one, expected) for one in told):
            return True
        live = [one for one in told if one.delivery.kind == "live"]
        if not live or max(one.position for one in live) < expected.position:
            return False
        calls = expected.target.presentation.thread_reply and expected.lane not in self._record.muted
        if variant_of(event) == "reminder" and fact_of(event)[:2] in self._record.taken:
            return True
        if not calls or event.about_batch or (event.member_of and event.own_id in self._reported):
            return True
        return any(not one.delivery.edits and one.position >= expected.position for one in live)

    def _supersedes(self, attempt: Attempt, expected: Expected) -> bool:
        """A message about a later outcome says the newest of what went before, but of two runs' outcomes each is told.

        A live message that somebody sends again by hand shows what is so by then.
        """
        if attempt.delivery.edits or attempt.position < expected.position:
            return False
        return attempt.delivery.id in self._record.replays or self._ends_it(attempt.delivery.event, expected)

    def _ends_it(self, event: Event, expected: Expected) -> bool:
        """Return whether this is an outcome that says the newest of what is expected, where that came before."""
        return event.terminal and (expected.event.name not in OUTCOMES or event.retry == expected.event.retry)

    def _by_batch(self, expected: Expected) -> bool:
        """What goes on in a member is left to its batch's message, of which the batch's own events expect it."""
        event, target = expected.event, expected.target
        batch = (event.member_of, event.tenant, *place_of(target))
        return event.name not in OUTCOMES and batch in self._batches

    def _in_bundle(self, expected: Expected) -> bool:
        target, event = expected.target, expected.event
        return any(
            self._record.shown(rows := one.delivery.event.document["entries"], event.subject) >= expected.position
            or any(row["id"] == event.member_of for row in rows)  # it is counted with its batch
            for one in self._arrived
            if one.delivery.kind in BUNDLES
            and (one.delivery.kind == "digest") == isinstance(target.how, Digest)
            and (place_of(one.delivery) == place_of(target) or one.delivery.event.document["kind"] == "requested")
        )

    def _corrected(self, expected: Expected) -> bool:
        """A failure that its batch reported, and that the run's own completion replaced before it was sent."""
        event, told = expected.event, self._by_lane[expected.lane]
        completed = (one for one in told if one.delivery.event.name == "operation.completed")
        later = (one for one in completed if one.position > expected.position)
        return event.name == "operation.failed" and any(self._ends_it(one.delivery.event, expected) for one in later)

    def _healed(self, expected: Expected) -> bool:
        """A failure that was held when its run was begun again."""
        if not expected.target.hold:
            return False
        run, position = self._record.newest_runs.get(fact_of(expected.event)[:2], (0, -1))
        return run > expected.event.retry and position > expected.position

    def _pointless(self, expected: Expected) -> bool:
        """Progress and alarms of a run that is over, an alarm of one that goes on, or nobody reads it."""
        if expected.position <= self._record.unread.get(expected.target.address, 0):
            return True
        operation, event = fact_of(expected.event)[:2], expected.event
        if event.name == "operation.stalled" and self._record.recoveries.get(operation, -1) > expected.position:
            return True
        if event.name == "operation.recovered" and not self._alarmed(expected):
            return True
        # What waits for a former address is dropped once its run is over, also where the rules send no outcome there.
        passing = event.name in PASSING or (event.name == "operation.started" and expected.target.destination in MOVING)
        return passing and self._record.endings.get(operation, -1) > expected.position

    def _alarmed(self, expected: Expected) -> bool:
        """Return whether a new message about the alarm that this recovery ends arrived at the same place."""
        before = [
            one for one in self._record.expected if one.lane == expected.lane and one.position < expected.position
        ]
        since = max((one.position for one in before if one.event.name == expected.event.name), default=-1)
        told = (one for one in self._by_lane[expected.lane] if not one.delivery.edits)
        return any(
            one.delivery.event.name == "operation.stalled" and since < one.position < expected.position for one in told
        )

    def _given_up(self, expected: Expected) -> bool:
        """A dead letter tells it, or would have before somebody dropped it."""
        target, event = expected.target, expected.event
        for letter in self._dead:
            if place_of(letter) != place_of(target):
                continue
            if letter.kind in BUNDLE_KINDS:
                if self._record.shown(letter.rows, event.subject) >= expected.position:
                    return True
            elif letter.kind == "live":
                if letter.event and fact_of(letter.event)[:2] == fact_of(event)[:2]:
                    return True
            elif letter.event and fact_of(letter.event) == fact_of(event):
                return True
            elif letter.event and isinstance(target.how, Live) and lane_of(letter.event, target) == expected.lane:
                later = self._record.positions.get(fact_of(letter.event), -1) >= expected.position
                if later and self._ends_it(letter.event, expected):
                    return True
        return False

    def repeated(self) -> Iterator[str]:
        """What arrived more often than there were outcomes that nobody could know."""
        messages: dict[tuple[str, ...], list[Attempt]] = defaultdict(list)
        deliveries: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
        for attempt in self._record.attempts:
            if not attempt.delivery.edits:
                if not attempt.delivery.waited:
                    messages[self._message(attempt)].append(attempt)
                deliveries[attempt.delivery.id, attempt.delivery.kind].append(attempt)  # an outlived one tells another
        for key, attempts in messages.items():
            arrived = sum(one.number >= 0 for one in attempts)
            by_hand = sum(self._record.replays[name] for name in {one.delivery.id for one in attempts})
            times = max(self._record.times[fact_of(one.delivery.event)] for one in attempts) if key[0] == "event" else 1
            # What an outcome was may become known when its message was repeated already, by a look-up of another one.
            doubts = sum(one.known_by > another.begun for one, another in pairwise(attempts)) + (not attempts[-1].known)
            if arrived > times + by_hand + doubts:
                yield f"{key}: arrived {arrived} times, {by_hand} times replayed"
        for (name, _), attempts in deliveries.items():
            marks = [one.delivery.unknown for one in attempts if one.number >= 0]
            times = 1 + self._record.replays[name]
            if marks.count(False) > times:
                yield f"{name}: arrived {len(marks)} times, {marks.count(True)} of them marked as a repetition"

    def _message(self, attempt: Attempt) -> tuple[str, ...]:
        """Return its message: the one of a lane, a bundle, or an event; an outcome that was outlived has its own."""
        delivery = attempt.delivery
        if delivery.kind in BUNDLES:
            return delivery.kind, delivery.lane
        if delivery.kind == "live" and not attempt.outlived and delivery.id not in self._outlived:
            return "root", delivery.lane
        return "event", *fact_of(delivery.event), *lane_of(delivery.event, delivery)

    def unwanted(self) -> Iterator[str]:
        """Messages of an event that was held for good at their address."""
        expected = {(fact_of(one.event), place_of(one.target)) for one in self._record.expected}
        for attempt in self._arrived:
            delivery = attempt.delivery
            if delivery.kind in BUNDLES or delivery.kind == "live":
                continue
            key = fact_of(delivery.event), place_of(delivery)
            if key not in expected:
                why = self._record.withheld.get(key, "never asked for")
                yield f"unwanted: {delivery.kind} {delivery.id} at {delivery.destination}: {why}"

    def stale(self) -> Iterator[str]:
        """Live messages whose last edit shows an older state than they showed before, as relay knows."""
        stand: dict[tuple[str, str], list[Attempt]] = defaultdict(list)
        for attempt in self._arrived:
            delivery = attempt.delivery
            if delivery.kind == "live" and not attempt.outlived and delivery.id not in self._outlived:
                stand[delivery.lane, delivery.thread.get("ts", f"{attempt.number}")].append(attempt)
        for (lane, message), attempts in stand.items():
            newest, last = max(attempts, key=lambda attempt: attempt.position), attempts[-1]
            if last.told and last.position < newest.position:
                shown = f"{last.position} of {last.delivery.event.subject}"
                yield f"stale: {message} in {lane} shows {shown}, and showed {newest.position} before"

    def disordered(self) -> Iterator[str]:
        """Messages of a run that arrived after what came later, which may overtake only if it is urgent."""
        latest: dict[str, Attempt] = {}
        for attempt in self._arrived:
            delivery = attempt.delivery
            if delivery.kind != "each" or delivery.id in self._record.replays or delivery.unknown or not attempt.known:
                continue
            before = latest.get(delivery.lane)
            if before and attempt.position < before.position:
                yield f"disordered: {attempt.position} after {before.position} in {delivery.lane}"
            elif delivery.event.name in PASSING and delivery.event.name != "operation.stalled":
                latest[delivery.lane] = attempt
