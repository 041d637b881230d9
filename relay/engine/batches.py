"""Messages of a batch: reports of its members are replies below them."""

from relay.engine.arrival import Arrival, Recipient
from relay.engine.deliveries import delivery_for
from relay.engine.lanes import make_due, set_due
from relay.engine.records import KEEP_OPERATION, REPLIES, Delivery, Operation, Thread, mishaps
from relay.engine.state import Draft
from relay.engine.withholding import enqueue


def has_message(d: Draft, r: Recipient) -> bool:
    """Return whether the recipient's batch has, or is to have, a message, or is in a list of those above the cap."""
    thread = d.get(Thread, r.batch_lane) if r.batch_lane else None
    return thread is not None and bool(thread.standing or thread.posted or thread.bundle)


def reply_in_batch(d: Draft, o: Operation, a: Arrival, r: Recipient, seq: int) -> str | None:
    """Reply in the batch's thread; return why that is withheld, '' if it is not, None if the thread says it already."""
    if not r.target.presentation.batch_reply or not claim_reply(d, a, r):
        return None
    reply = delivery_for(d, a, r, seq, "reply")
    reply.name, reply.lane, reply.queue = f"{r.id}-batch", r.batch_lane, REPLIES
    reply.loud = is_loud(d, a, r)
    why = enqueue(d, o, a, r, reply)
    if not why:
        _hurry_message(d, r.batch_lane)
    return why


def claim_reply(d: Draft, a: Arrival, r: Recipient) -> bool:
    """Claim the reply for a member's mishap, by its own event or the batch's. False: there is one already."""
    if not a.mishap:
        return True
    table = mishaps(r.batch_lane)
    if d.field(table, a.mishap) is not None:
        return False
    d.put(table, a.mishap, b"", kept=KEEP_OPERATION)
    return True


def is_loud(d: Draft, a: Arrival, r: Recipient) -> bool:
    """Return whether the conversation sees a reply below a batch's message as well.

    What fails with the rest and mentions no one is seen once: the first that failed. A stall has its own message.
    """
    presentation = r.target.presentation
    if not presentation.broadcast or not a.mishap:
        return presentation.broadcast and not presentation.once_in_batch
    thread = d.edit(Thread, r.batch_lane)
    thread.first_failed = thread.first_failed or r.id
    return thread.first_failed == r.id or not presentation.once_in_batch


def _hurry_message(d: Draft, lane: str) -> None:
    """Make the batch's first message due: there is news below it."""
    thread = d.get(Thread, lane)
    if thread is None or not thread.waiting or thread.sending or thread.posted:
        return
    if not (x := d.edit(Delivery, thread.waiting)).attempts:
        set_due(d, x, d.now)
        make_due(d, x)
