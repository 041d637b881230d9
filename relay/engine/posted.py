"""Messages that were posted: their receipts, and how a newer state gets into them."""

from relay.engine.deliveries import create, from_standing, lend_body
from relay.engine.entries import Arrived
from relay.engine.lanes import due_of, release_lane, set_due
from relay.engine.ledger import note
from relay.engine.overflow import leave_list
from relay.engine.records import REPLIES, Delivery, Operation, Thread, documents
from relay.engine.state import Draft


def record_message(d: Draft, x: Delivery, entry: Arrived) -> None:
    """Record that the message shows what this delivery showed."""
    thread = d.edit(Thread, x.lane)
    thread.touched, thread.done = d.now, entry.ticket
    thread.receipt |= entry.receipt
    if x.unknowns:
        thread.doubt = 0
    if entry.new:
        thread.posted, thread.posted_seq, thread.posted_of, thread.edits = d.now, x.seq, x.operation, 0
        leave_list(d, x.lane, x.operation)
    # What came in meanwhile keeps its distance from this edit, unless it is the outcome.
    waiting = d.get(Delivery, thread.waiting) if thread.waiting else None
    if waiting and waiting.urgency != "1":
        waiting = d.edit(Delivery, waiting.name)
        set_due(d, waiting, max(due_of(d, waiting), d.now + thread.interval))


def adopt_message(d: Draft, lane: str, entry: Arrived, shown: int) -> None:
    """Show the newer state that waits in the posted message, and not in a second one.

    `shown`: number of the newest event that it shows.
    """
    thread = d.edit(Thread, lane)
    calls_people, operation = thread.calls_people, thread.standing["operation"]
    thread.receipt |= entry.receipt
    thread.posted, thread.posted_seq, thread.posted_of, thread.touched = d.now, 0, operation, d.now
    thread.calls_people, thread.doubt = "", 0
    # An outcome in it would have called people as a new message, as one that shows it has. An edit notifies no one.
    if calls_people and calls_people != entry.shown:
        _call_people(d, thread, calls_people, f"{entry.id}-call")
    release_lane(d, lane, shown)


def _call_people(d: Draft, thread: Thread, event: str, name: str) -> None:
    """Reply with the event that has mentions, unless its documents are gone."""
    call = from_standing(name, thread.standing)
    o, text = d.get(Operation, call.operation), d.field(documents(call.operation), event)
    if o is None or text is None:
        return
    call.kind, call.queue, call.event, call.body = "reply", REPLIES, event, name
    call.due, call.seq, call.urgency = d.now, o.seq, "1"
    lend_body(d, name, text)
    create(d, call)


def repair(d: Draft, entry: Arrived) -> None:
    """Show the newest state again: a hand-out that had lapsed may have put an old one over it."""
    thread = d.get(Thread, entry.lane) if entry.converges and entry.lane else None
    if thread is None or not thread.standing or thread.done == entry.ticket:  # the latter: its answer alone was lost
        return
    if entry.new and not thread.posted and not thread.sending:
        earlier = d.get(Delivery, entry.id)
        adopt_message(d, entry.lane, entry, earlier.seq if earlier else -1)
    if thread.waiting:
        return
    thread = d.edit(Thread, entry.lane)
    thread.repairs += 1
    x = from_standing(f"{entry.id}-repair-{thread.repairs}", thread.standing)
    x.due, x.urgency, x.event, x.seq = d.now, "1", thread.shown, thread.shown_seq
    create(d, x)
    note(d, x.operation, "repair", x.destination)
