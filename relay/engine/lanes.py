"""Lanes: the deliveries of one operation at one address, in order.

A lane has three queues (`Thread.queues`). Of each only the first delivery is due, so order holds and one is under way.
Replies have a queue beside the messages: an outcome that calls people waits for the message above it, and
never for an edit of that. What is held for a while has a third, and delays no other.
"""

from relay.engine.draft import Draft
from relay.engine.records import FLYING, HELD, MAIN, REPLIES, Delivery, Thread, behind, due, parked, parked_urgent

URGENCIES = ("1", "2", "3", "")  # as they leave: outcomes, stalled runs, failed phases, everything else
BUNDLED = frozenset({"digest", "roundup"})  # kinds that are of a window, and due by the calendar
LISTED = 32  # deliveries of a queue that its thread lists; those behind them cost the others nothing
OVERTAKEN = 5000  # ms


def make_due(d: Draft, x: Delivery, at: int | None = None) -> None:
    """Place a delivery among what is due (`at`: from then on), if it is the first of its queue, and not handed out.

    A reply is not due while the message above it is still to come.
    """
    if at is not None:
        x.due = at
    if x.ticket or x.died or not _is_first(d, x):
        return
    leave_queues(d, x)
    if not _waits_for_message(d, x):
        d.place(due(x.channel, x.urgency), x.name, x.due)


def leave_queues(d: Draft, x: Delivery) -> None:
    """Take it out of what is due, and of what waits for something broken."""
    d.take_out(due(x.channel, x.urgency), x.name)
    if x.parked:
        d.take_out(parked(x.parked), x.name)
        d.take_out(parked_urgent(x.parked), x.name)
        d.edit(Delivery, x.name).parked = ""


def end_hand_out(d: Draft, x: Delivery) -> None:
    """End its hand-out."""
    if x.ticket:
        d.take_out(FLYING, x.name)
    x.ticket, x.marked = "", 0


def join(d: Draft, x: Delivery) -> None:
    """Put it behind the others of its queue."""
    _append(d, x)
    make_due(d, x)
    if x.urgency == "1":
        first = d.get(Delivery, d.edit(Thread, x.lane).queues[x.queue][0])
        if first and first.event != "operation.progress":  # progress is hurried instead (relay/engine/dispatch.py)
            let_urgent_pass(d, x)


def leave(d: Draft, x: Delivery, *, has_replies: bool = True) -> None:
    """Take it out of its queue: the next one is due. `has_replies`: it is a message with a thread of its own.

    A thread that has nothing left to say is dropped, so a later change takes it from `edit` again.
    """
    thread = d.edit(Thread, x.lane)
    _remove(d, thread, x)
    follower = first_of(d, x.lane, x.queue)
    if x.queue == MAIN and has_replies:
        if thread.waiting == x.name:
            thread.waiting = ""
        if thread.sending == x.name:
            thread.sending = ""
    if follower:
        make_due(d, follower)
    if has_replies:
        release_replies(d, x)
    if thread == Thread(x.lane):
        d.drop(Thread, x.lane)


def let_urgent_pass(d: Draft, x: Delivery) -> None:
    """Let what is urgent and due soon overtake the first of the queue, where its next attempt is a while off."""
    soon = d.now + OVERTAKEN
    ids = d.look(Thread, x.lane).queues.get(x.queue, [])[:20]
    first = d.get(Delivery, ids[0]) if len(ids) > 1 else None
    if first is None or first.ticket or first.due <= soon:
        return
    for name, other in d.get_all(Delivery, ids[1:]).items():
        if other.urgency == "1" and other.due <= soon:
            leave_queues(d, first)
            queues = d.edit(Thread, x.lane).queues
            queues[x.queue] = [name, *(id_ for id_ in queues[x.queue] if id_ != name)]
            make_due(d, other)
            return


def release_replies(d: Draft, x: Delivery) -> None:
    """Let the first reply below a message go; one that says no more than that showed goes at once."""
    if x.queue == MAIN:
        release_lane(d, x.lane, x.seq)


def release_lane(d: Draft, lane: str, shown: int) -> None:
    """Make the first reply due. `shown`: number of the newest event that the message shows, or showed."""
    reply = first_of(d, lane, REPLIES)
    if reply:
        if not reply.attempts and shown >= reply.seq:
            reply = d.edit(Delivery, reply.name)
            reply.due = d.now
        make_due(d, reply)


def beside(d: Draft, lane: str) -> list[Delivery]:
    """Return what waits beside the message of this lane, held or not: to look at, and not to change.

    A step of an escalation is none of it: it repeats what another one reports.
    """
    names = [*queued(d, lane, REPLIES), *queued(d, lane, HELD)]
    return [x for x in d.get_all(Delivery, names).values() if not x.escalated]


def queued(d: Draft, lane: str, queue: str) -> list[str]:
    """Return all deliveries in a queue, in order."""
    thread = d.look(Thread, lane)
    more = [name for _, name in d.ascending(behind(lane, queue))] if queue in thread.behind else []
    return [*thread.queues.get(queue, ()), *more]


def first_of(d: Draft, lane: str, queue: str) -> Delivery | None:
    """Return the first delivery of a queue: to look at, and not to change."""
    names = d.look(Thread, lane).queues.get(queue)
    return d.get(Delivery, names[0]) if names else None


def _is_first(d: Draft, x: Delivery) -> bool:
    names = d.look(Thread, x.lane).queues.get(x.queue)
    return not names or names[0] == x.name  # of a thread that was forgotten in 30 days nothing goes before it


def _waits_for_message(d: Draft, x: Delivery) -> bool:
    if x.queue != REPLIES:
        return False
    thread = d.look(Thread, x.lane)
    return not thread.posted and bool(thread.waiting or thread.sending)


def _append(d: Draft, x: Delivery) -> None:
    thread = d.edit(Thread, x.lane)
    names = thread.queues.get(x.queue, [])
    if len(names) < LISTED:  # none is behind them (_remove)
        thread.queues[x.queue] = [*names, x.name]
    else:
        thread.behind[x.queue] = thread.behind.get(x.queue, 0) + 1
        d.place(behind(x.lane, x.queue), x.name, thread.behind[x.queue])


def _remove(d: Draft, thread: Thread, x: Delivery) -> None:
    names = [name for name in thread.queues.get(x.queue, ()) if name != x.name]
    if x.queue in thread.behind:
        index = behind(x.lane, x.queue)
        d.take_out(index, x.name)
        if len(names) < LISTED:
            more = d.first(index, thread.behind[x.queue], LISTED)
            for name in more:
                d.take_out(index, name)
            names += more
            if len(more) < LISTED:
                del thread.behind[x.queue]
    thread.queues[x.queue] = names
    if not names:
        del thread.queues[x.queue]
