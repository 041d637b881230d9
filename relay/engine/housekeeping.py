"""Housekeeping: what waited too long is given up or listed, and runs that are over are forgotten."""

from dataclasses import dataclass

from pydantic_core import to_json

from relay.engine.bodies import clear_documents
from relay.engine.deliveries import dead_letter
from relay.engine.draft import Draft
from relay.engine.lanes import URGENCIES
from relay.engine.lists import move_to_backlog
from relay.engine.names import DIGEST
from relay.engine.parking import EVER, KEPT_REMOVED, give_up_removed
from relay.engine.pauses import OPERATOR, REMOVED, find_pause, places, scope_of
from relay.engine.records import (
    CHANNELS,
    DAY,
    FLYING,
    KEEP_DOCUMENTS,
    OVER,
    TERMINAL,
    Delivery,
    Operation,
    Thread,
    due,
    identities,
    parked,
    story,
)
from relay.engine.watch import WATCHED

LOOKED_AT = 2000  # deliveries in a place: where none of these can go into a list, they wait
STORY_LEFT = 6  # lines
HOUR = 3_600_000
KEEP_DEAD = 30 * DAY  # a dead letter may be delivered again from the documents
# Fields of operations, and of their threads, that are forgotten with the documents
COURSE = (*WATCHED, "summary", "job", "seqs", "stated", "tallies", "gates", "lanes", "holds", "dead")
OF_THREADS = ("standing", "interval", "shown", "shown_seq", "done", "calls_people", "healed", "first_failed", "touched")


@dataclass(frozen=True, slots=True)
class GiveUpParked:
    """Dead-letter what has failed for more than `max_age` ms, up to `most`, the oldest of each place first.

    Answer: how many.
    """

    max_age: int
    most: int

    def decide(self, d: Draft) -> int:
        done = 0
        for place in places(d):
            if not scope_of(place).startswith(OPERATOR):  # what a person paused comes back by itself
                done += d.attempt(_give_up_place, place, self.max_age, self.most - done) or 0
        return done


def _give_up_place(d: Draft, place: str, max_age: int, most: int) -> int:
    scope = scope_of(place)
    paused = find_pause(d, scope)
    age = KEPT_REMOVED if scope.startswith(REMOVED) else max_age
    reason = paused.reason if paused else "what it waited for was paused"
    old = d.get_all(Delivery, d.first(parked(place), d.now - age, most))
    return d.each(_give_up, old, scope, age, reason)


def _give_up(d: Draft, name: str, scope: str, age: int, reason: str) -> bool:
    x = d.edit(Delivery, name)
    if scope.startswith(REMOVED):
        give_up_removed(d, x)
    elif d.now - x.failing > age:
        dead_letter(d, x, "paused_too_long", reason)
    return bool(x.died)


@dataclass(frozen=True, slots=True)
class GatherParked:
    """Keep so many in each place; the oldest of the rest go into a list, up to `most`. Answer: how many."""

    kept: int
    most: int

    def decide(self, d: Draft) -> int:
        done = 0
        for place in places(d):
            excess = min(d.size(parked(place)) - self.kept, self.most - done)
            for id_ in d.get_all(Delivery, d.first(parked(place), EVER, LOOKED_AT)) if excess > 0 else ():
                if excess <= 0:
                    break
                if d.attempt(_gather, id_):
                    done, excess = done + 1, excess - 1
        return done


def _gather(d: Draft, id_: str) -> bool:
    return move_to_backlog(d, d.edit(Delivery, id_))


@dataclass(frozen=True, slots=True)
class GiveUpChannel:
    """Dead-letter what waits for more than `max_age` ms for a channel that is configured no more; then forget that.

    Answer: how many.
    """

    channel: str
    max_age: int
    most: int

    def decide(self, d: Draft) -> int:
        done = 0
        error = f"the configuration has no channels.{self.channel} any more"
        for urgency in URGENCIES:
            old = d.first(due(self.channel, urgency), d.now - self.max_age, self.most - done)
            done += d.each(_give_up_due, d.get_all(Delivery, old), error)
        if not _has_deliveries(d, self.channel):
            d.take_out(CHANNELS, self.channel)
        return done


def _give_up_due(d: Draft, id_: str, error: str) -> bool:
    dead_letter(d, d.edit(Delivery, id_), "channel_removed", error)
    return True


def _has_deliveries(d: Draft, channel: str) -> bool:
    if any(d.size(due(channel, urgency)) for urgency in URGENCIES):
        return True
    if any(place.startswith(f"{channel} ") for place in places(d)):
        return True
    flying = [id_ for _, id_ in d.ascending(FLYING)]
    known = d.get_all(Delivery, flying)
    return len(known) < len(flying) or any(x.channel == channel for x in known.values())


@dataclass(frozen=True, slots=True)
class ForgetDocuments:
    """Drop the documents of up to `most` runs that ended three days ago. Answer: how many were due.

    `retention`: ms after its outcome for which the rest of a run is remembered.
    """

    most: int
    retention: int

    def decide(self, d: Draft) -> int:
        left = max(self.retention - KEEP_DOCUMENTS, DAY)
        operations = d.first(OVER, d.now, self.most)
        for operation in operations:
            d.place(OVER, operation, d.now + HOUR)  # for one that fails
        d.each(_forget_course, operations, left)
        return len(operations)


def _forget_course(d: Draft, operation: str, left: int) -> bool:
    """Forget the course of a run that is over; keep the rest for `left` ms."""
    known = d.get(Operation, operation)
    over = known is not None and known.rank == TERMINAL
    if known and over and (until := _needed_until(d, known)):
        d.place(OVER, operation, until)
        return True
    d.take_out(OVER, operation)
    if not over:
        return True
    o = d.edit(Operation, operation)
    for lane in o.lanes:
        if d.get(Thread, lane):
            thread = d.edit(Thread, lane)
            thread.reset(OF_THREADS)
            thread.retained = left
    _move_ids(d, o, left)
    _close_story(d, o, left)
    clear_documents(d, o)
    o.reset(COURSE)
    o.retained = left
    return True


def _needed_until(d: Draft, o: Operation) -> int:
    """Return until when (ms) a delivery, waiting or dead, may still be made from the documents; 0: none is."""
    if o.dead and d.now - o.dead < KEEP_DEAD:
        return o.dead + KEEP_DEAD
    threads = (d.get(Thread, lane) for lane in o.lanes)
    return d.now + DAY if any(thread and any(thread.queues.values()) for thread in threads) else 0


def _move_ids(d: Draft, o: Operation, left: int) -> None:
    """Set the digests beside the record, as those of a long run are."""
    for place in range(0, len(o.ids), DIGEST):
        d.put(identities(o.name), o.ids[place : place + DIGEST], b"", kept=left)
    if o.many:
        d.keep(identities(o.name), left)
    o.ids, o.many = "", True


def _close_story(d: Draft, o: Operation, left: int) -> None:
    for line in o.tallies:
        d.append(story(o.name), to_json(line), most=STORY_LEFT, kept=left)
    d.cut(story(o.name), most=STORY_LEFT, kept=left)
