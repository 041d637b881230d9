"""Deliveries: made, joined to their lane, tried again, given up and forgotten."""

from typing import Any

from relay.engine import lanes
from relay.engine.arrival import Arrival
from relay.engine.bodies import give_back
from relay.engine.draft import Draft
from relay.engine.ledger import note, record_end
from relay.engine.recipients import Recipient
from relay.engine.records import (
    CHANNELS,
    DEAD,
    MAIN,
    REPLIES,
    Bundle,
    Delivery,
    Operation,
    Thread,
    documents,
    rows,
)

# What all deliveries of a live message have in common: kept with its thread, for one that is made without an event.
STANDING = ("operation", "destination", "channel", "address", "kind", "lane", "calls", "passes", "loud")
# What a delivery has been through that its successor takes over.
TROUBLE = ("faults", "failing", "failed", "first_marked", "last_marked")


def converges(kind: str) -> bool:
    """Return whether it shows what is so when it is sent: a newer one replaces it, and repeating it does no harm."""
    return kind in ("live", "rolling")


def delivery_for(d: Draft, a: Arrival, r: Recipient, seq: int, kind: str) -> Delivery:
    """Make the delivery of an event to a recipient, due now; `create` queues it."""
    grouped = (round(r.target.group * 1000), *a.cause) if r.target.group and a.cause else None
    return Delivery(r.id, operation=a.operation, destination=r.destination, channel=r.channel, address=r.address,
                    kind=kind, event=a.name, lane=r.lane, queue=REPLIES if kind == "reply" else MAIN,
                    body="" if kind == "live" else a.body_name, calls=r.calls, urgency=a.urgency, seq=seq, due=d.now,
                    passes=r.passes, loud=r.target.presentation.broadcast, cause=grouped,
                    raised=a.watch.get("raised") or 0)  # fmt: skip


def create(d: Draft, x: Delivery) -> None:
    """Queue a new delivery. It is of this moment, if it says no other (`created`)."""
    x.created = x.created or d.now
    x.queue = x.queue or MAIN
    d.add(x)
    if d.score(CHANNELS, x.channel) is None:
        d.place(CHANNELS, x.channel, d.now)
    d.count("accepted")
    d.count("pending")
    if converges(x.kind):
        d.edit(Thread, x.lane).waiting = x.name
    if (o := d.get(Operation, x.operation)) and o.seq == 1:
        d.table(documents(o.name))  # there were none: known from here on, so that the hand-out need not read them
    lanes.join(d, x)


def forget(d: Draft, x: Delivery) -> None:
    """Drop a delivery that is over, and the event's document with the last one that needed it."""
    lanes.leave_queues(d, x)
    lanes.end_hand_out(d, x)
    if x.kind in lanes.BUNDLED:
        d.clear(rows(x.name))
        if (bundle := d.get(Bundle, x.name)) and bundle.closed:
            d.add(Bundle(x.name, kind=bundle.kind, closed=bundle.closed))  # known for longer than anything comes late
    if x.body:
        give_back(d, x.body)
    d.drop(Delivery, x.name)


def supersede(d: Draft, x: Delivery, why: str) -> None:
    """End a delivery that need not be sent any more."""
    keep_doubt(d, x)
    d.count("pending", -1)
    d.count("superseded")
    note(d, x.operation, "superseded", x.destination, why)
    if why != "newer state" or not converges(x.kind):  # of a message that is kept true nothing ended
        record_end(d, x, "superseded", why)
    lanes.leave(d, x)
    forget(d, x)


def doubt(d: Draft, x: Delivery) -> None:
    """Count an attempt that ended without an answer: its message may have arrived."""
    marked = x.marked or d.now
    d.count("unknown_outcomes")
    alarm_sent(d, x)  # whatever becomes of it: who may have it is to have its end
    x.unknowns += 1
    x.first_marked = x.first_marked or marked
    x.last_marked = marked


def keep_doubt(d: Draft, x: Delivery) -> None:
    """Keep, with the lane, that one which leaves may have posted its message: whatever begins that anew says so."""
    if not converges(x.kind) or not x.unknowns:
        return
    thread = d.edit(Thread, x.lane)
    if thread.posted:
        return
    thread.doubt = x.first_marked or x.created
    if thread.waiting and thread.waiting != x.name:
        heir = d.edit(Delivery, thread.waiting)
        if not heir.unknowns:
            heir.unknowns, heir.first_marked = 1, thread.doubt


def requeue(d: Draft, x: Delivery, at: int) -> None:
    """Put it back into the queue. A live delivery behind which a newer one already waits has nothing left to show."""
    lanes.end_hand_out(d, x)
    x.due = at
    if not detach_outcome(d, x) and converges(x.kind):
        thread = d.edit(Thread, x.lane)
        if thread.waiting and thread.waiting != x.name:
            _inherit(d.edit(Delivery, thread.waiting), x, at)
            supersede(d, x, "newer state")
            return
        thread.waiting, thread.sending = x.name, ""
    lanes.make_due(d, x)
    lanes.let_urgent_pass(d, x)
    lanes.release_replies(d, x)


def _inherit(heir: Delivery, x: Delivery, at: int) -> None:
    """Count what a superseded delivery has been through for the one that takes its place.

    Otherwise a new event during each attempt would mean attempts without end, and repeats without a bound.
    """
    if heir.urgency != "1" or x.urgency == "1":  # an outcome need not wait for the back-off of progress
        heir.due = max(heir.due, at)
    heir.attempts = max(heir.attempts, x.attempts)
    heir.unknowns = max(heir.unknowns, x.unknowns)
    for name in TROUBLE:
        setattr(heir, name, getattr(x, name) or getattr(heir, name))


def detach_outcome(d: Draft, x: Delivery) -> bool:
    """Make a live delivery that carries an outcome of its own, and did not arrive, a message beside the live one.

    That belongs to the next run by now. False: it carries none.
    """
    if x.kind != "live" or not x.body:
        return False
    x.kind, x.alone = "reply", True
    thread = d.edit(Thread, x.lane)
    if thread.sending == x.name:
        thread.sending = ""
    return True


def dead_letter(d: Draft, x: Delivery, reason: str, error: str) -> None:
    """Give it up; people may deliver it again."""
    lanes.leave_queues(d, x)
    if x.kind == "live" and d.get(Operation, x.operation):  # what it would show is made from the operation's documents
        d.edit(Operation, x.operation).dead = d.now
        d.edit(Thread, x.lane).dead = x.name  # the next run leaves it the outcome of this one
    keep_doubt(d, x)
    detach_outcome(d, x)
    lanes.end_hand_out(d, x)
    x.reason, x.error, x.died = reason, error, d.now
    d.place(DEAD, x.name, d.now)
    d.count("pending", -1)
    d.count("dead")
    d.count(f"buried:{reason}")
    note(d, x.operation, "dead", x.destination, reason, error)
    record_end(d, x, "dead", reason, error)
    lanes.leave(d, x)


def standing_of(x: Delivery) -> dict[str, Any]:
    return {name: getattr(x, name) for name in STANDING}


def from_standing(name: str, standing: dict[str, Any]) -> Delivery:
    """Make a delivery of a live message without an event; `create` queues it."""
    return Delivery(name, **standing)


def alarm_sent(d: Draft, x: Delivery) -> None:
    """Remember that an alarm arrived, or may have: only then is its recovery sent there."""
    if x.event == "operation.stalled" and d.get(Operation, x.operation):
        d.edit(Operation, x.operation).alarms_sent[x.lane] = d.now
