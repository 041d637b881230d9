"""Live messages: one for each operation at an address, which is kept true.

At most one delivery waits for each; it means "show the present state", so a newer event joins it.
"""

from relay.engine.arrival import Arrival
from relay.engine.deliveries import create, delivery_for, standing_of, supersede
from relay.engine.draft import Draft
from relay.engine.lanes import URGENCIES, leave_queues, make_due
from relay.engine.ledger import record_held
from relay.engine.order import is_muted, is_taken
from relay.engine.outcomes import held_until, hold
from relay.engine.recipients import Recipient
from relay.engine.records import HELD, KEEP_OPERATION, REPLIES, Delivery, Operation, Thread, mishaps
from relay.engine.withholding import enqueue, withhold

# A reply gives the edit that comes with it so long to be the first. Where the message turns out to be gone, a new one
# shows everything, and the reply has nothing to add.
EDIT_FIRST = 3000  # ms


def shown_elsewhere(d: Draft, a: Arrival, r: Recipient) -> str:
    """Return why a live message does not show it: low priority, or its batch speaks for it; '' if one does.

    A message that is posted, or on its way, is kept true all the same.
    """
    if not r.live or a.rank is None:
        return ""
    thread = d.look(Thread, r.lane)
    if thread.sending or thread.posted:
        return ""
    if r.batch_lane != r.lane and has_message(d, r):
        if thread.waiting:
            x = d.edit(Delivery, thread.waiting)
            if x.urgency == "1":
                return ""
            supersede(d, x, "covered_by_batch")
        return "batch"
    if r.target.presentation.new_message or thread.waiting:
        return ""
    return "told_beside" if r.updates_only else "low_priority"


def upsert(d: Draft, o: Operation, a: Arrival, r: Recipient, seq: int) -> str:
    """Show an event in the live message; return why it is withheld, '' if it is not."""
    thread = d.look(Thread, r.lane)
    started = bool(thread.sending or thread.posted)
    due = _due(d, o, a, r, thread)
    if not (thread.waiting or started) and (why := withhold(d, o, a, r, due)):
        return why
    grouped = r.batch_lane == r.lane or has_message(d, r)
    # A failure that may heal: with nothing to edit, it is the message itself that waits.
    held = held_until(d, r, a.run) if r.reply and not grouped else 0
    x = delivery_for(d, a, r, seq, "live")
    standing = standing_of(x)
    x.due = due
    if grouped:  # the message of a batch shows more than one cause
        x.cause = None
    if held and not started:
        hold(o, thread.waiting or r.id, held)
        x.due, x.error_line = held, a.error_line
    if thread.waiting:
        _join(d, a, d.edit(Delivery, thread.waiting), x, held=bool(held and not started))
    else:
        if thread.doubt and not thread.posted:
            x.unknowns, x.first_marked = 1, thread.doubt
        create(d, x)
    replies = r.reply and (not grouped or claim_reply(d, a, r))
    below = started or (
        r.batch_lane == r.lane and bool(a.mishap)
    )  # a batch's message does not say what a member's does
    _keep_standing(d, r, standing, a.name if replies and not below else "")
    if replies and below:
        _reply(d, o, a, r, seq, held=held, grouped=grouped, alone=not started)
    return ""


def _due(d: Draft, o: Operation, a: Arrival, r: Recipient, thread: Thread) -> int:
    if a.terminal:
        return d.now
    if thread.posted:
        # The end of a phase waits for the start of the next, which says more.
        patience = r.min_interval if a.phase_end and not a.urgency else 0
        return max(d.now + patience, min(thread.touched, d.now) + r.min_interval)
    if r.reply:
        return d.now
    first = d.now if o.first is None else min(o.first, d.now)
    return max(d.now, first + r.post_after)


def _join(d: Draft, a: Arrival, waiting: Delivery, x: Delivery, *, held: bool) -> None:
    """Let the delivery that waits show this event as well, as `x` would have.

    An outcome need not wait for the time that was planned. What is looked at anew leaves whatever it was parked for.
    """
    was = waiting.due
    due = x.due if held or a.terminal else min(was, x.due)
    if (waiting.attempts or waiting.faults) and not a.terminal:
        due = was  # its back-off holds
    urgency = min(x.urgency, waiting.urgency, key=URGENCIES.index)
    moved = bool(waiting.parked) or due != was or urgency != waiting.urgency
    if moved:
        leave_queues(d, waiting)
    waiting.urgency = urgency
    waiting.due = due
    waiting.seq, waiting.event, waiting.cause, waiting.error_line = x.seq, x.event, x.cause, x.error_line
    waiting.passes = x.passes or waiting.passes
    waiting.loud = x.loud or waiting.loud
    waiting.lapsed = ""  # a late receipt is of an older state than this
    if moved:
        make_due(d, waiting)
    d.count("accepted")
    d.count("superseded")


def _keep_standing(d: Draft, r: Recipient, standing: dict[str, object], calls: str) -> None:
    """Keep what deliveries without an event need. `calls`: the event whose mentions the message itself is to have.

    Those who look for the message may find it posted before by then; a reply calls them instead.
    """
    thread = d.look(Thread, r.lane)
    if (thread.standing, thread.interval, thread.calls_people) != (standing, r.min_interval, calls):
        thread = d.edit(Thread, r.lane)
        thread.standing, thread.interval, thread.calls_people = standing, r.min_interval, calls


def _reply(
    d: Draft, o: Operation, a: Arrival, r: Recipient, seq: int, *, held: int, grouped: bool, alone: bool
) -> None:
    """Reply below the message."""
    if is_muted(o, r):
        record_held(d, a.operation, r.destination, "muted")
        return
    if is_taken(o, a):
        record_held(d, a.operation, r.destination, "taken")
        return
    x = delivery_for(d, a, r, seq, "reply")
    x.name, x.due, x.alone = f"{r.id}-reply", d.now + EDIT_FIRST, alone
    if held:
        x.due, x.queue, x.error_line = held, HELD, a.error_line
        hold(o, x.name, held)
    if grouped and x.loud:
        x.loud = is_loud(d, a, r)
    elif a.event.name == "batch.completed" and d.look(Thread, r.lane).first_failed:
        x.loud = True  # the batch itself may list none of its operations
    enqueue(d, o, a, r, x)


def has_message(d: Draft, r: Recipient) -> bool:
    """Return whether the recipient's batch has, or is to have, a message, or is in a list of those above the cap."""
    if not r.batch_lane:
        return False
    thread = d.look(Thread, r.batch_lane)
    return bool(thread.standing or thread.posted or thread.bundle)


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
        make_due(d, x, d.now)
