"""Messages that were posted: their receipts, and how a newer state gets into them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from relay.engine.bodies import lend
from relay.engine.bundles import keep_baseline
from relay.engine.causes import confirm_sent
from relay.engine.deliveries import alarm_sent, converges, create, forget, from_standing, requeue
from relay.engine.draft import Draft
from relay.engine.lanes import leave, release_lane
from relay.engine.ledger import note, record_end
from relay.engine.lists import leave_list
from relay.engine.pauses import lift_throttles, resume
from relay.engine.receipts import Held, go_on_probing, held
from relay.engine.records import MAIN, REPLIES, Delivery, Operation, Thread, documents


@dataclass(frozen=True, slots=True)
class Arrived(Held):
    """The other side has it. `new`: it is a message of its own and no edit.

    found     its earlier attempt was found; `shown`: the event that it shows
    receipt   the channel's own, for the lane's next delivery
    baseline  of a digest (relay.domain.digests.digest_baseline), with `to` (ms) and `oldest` (day)
    """

    receipt: Mapping[str, str] = field(default_factory=dict)
    detail: str = ""
    new: bool = True
    found: bool = False
    shown: str = ""
    converges: bool = False  # it is a live message or a list that is edited
    baseline: Mapping[str, Any] | None = None

    def decide(self, d: Draft) -> bool:
        x = held(d, self) or _lapsed(d, self)
        if x is None:
            repair(d, self)
            return False
        # Of a run that is over, the outcome is in the message that was found: it is not sent once more.
        outcome = x.body and self.shown == x.event
        thread = d.get(Thread, x.lane) if self.found and converges(x.kind) and not outcome else None
        if thread and thread.standing:
            _show_present_state(d, x, self)
        else:
            _complete(d, x, self)
        go_on_probing(d, x, self)
        return True


def _lapsed(d: Draft, entry: Arrived) -> Delivery | None:
    """Return the delivery, if the hand-out lapsed and none began since: what has arrived need not be sent again."""
    x = d.get(Delivery, entry.id)
    lapsed = x and entry.ticket and not x.ticket and not x.died and x.lapsed == entry.ticket
    return d.edit(Delivery, entry.id) if lapsed else None


def _complete(d: Draft, x: Delivery, entry: Arrived) -> None:
    live = converges(x.kind)
    edit = live and not entry.new
    lift_throttles(d, x, x.calls.get("edit" if edit else "new", ()))
    if live:
        record_message(d, x, entry)
    elif entry.converges:  # an outcome that was the live message until a run began
        d.edit(Thread, x.lane).done = entry.ticket
    d.count("pending", -1)
    d.count("delivered")
    note(d, x.operation, "delivered", x.destination, x.kind, x.attempts, entry.detail)
    if edit:  # the history has a row of the message; how many edits there were, and when the last was, has the thread
        d.edit(Thread, x.lane).edits += 1
    else:
        record_end(d, x, "delivered", detail=entry.detail)
        alarm_sent(d, x)
    confirm_sent(d, x)
    resume(d, x)
    if entry.baseline and x.kind == "digest":
        keep_baseline(d, x, entry.baseline)
    # A reply among the messages was one (deliveries.detach_outcome), and others may be waiting to go under it.
    leave(d, x, has_replies=live or (x.kind == "reply" and x.queue == MAIN))
    forget(d, x)


def _show_present_state(d: Draft, x: Delivery, entry: Arrived) -> None:
    """Show the present state in the message of an attempt whose answer was lost, which was found."""
    x.first_marked = x.last_marked = x.unknowns = x.crashes = 0
    adopt_message(d, x.lane, entry, x.seq)
    record_end(d, x, "delivered", detail=entry.detail)
    alarm_sent(d, x)
    requeue(d, x, d.now)


def record_message(d: Draft, x: Delivery, entry: Arrived) -> None:
    """Record that the message shows what this delivery showed."""
    thread = d.edit(Thread, x.lane)
    thread.touched, thread.done = d.now, entry.ticket
    thread.receipt |= entry.receipt
    if entry.new:
        thread.posted, thread.posted_seq, thread.posted_of, thread.edits = d.now, x.seq, x.operation, 0
        leave_list(d, x.lane, x.operation)
    # What came in meanwhile keeps its distance from this edit, unless it is the outcome.
    waiting = d.get(Delivery, thread.waiting) if thread.waiting else None
    if waiting and waiting.urgency != "1":
        waiting = d.edit(Delivery, waiting.name)
        waiting.due = max(waiting.due, d.now + thread.interval)


def adopt_message(d: Draft, lane: str, entry: Arrived, shown: int) -> None:
    """Show the newer state that waits in the posted message, and not in a second one.

    `shown`: number of the newest event that it shows.
    """
    thread = d.edit(Thread, lane)
    calls_people, operation = thread.calls_people, thread.standing["operation"]
    thread.receipt |= entry.receipt
    thread.posted, thread.posted_seq, thread.posted_of, thread.touched = d.now, 0, operation, d.now
    thread.calls_people = ""
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
    lend(d, name, text)
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
