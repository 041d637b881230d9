"""Failures of different runs that have one cause, at one address.

The first is sent as ever. What is due within the window after it is sent below it: in its thread, or, where there are
no threads, in two messages: a minute after the first of them, and at the end of the window. Critical failures, and
those of a batch that has a message, stay where they are. Decided when a failure is about to be sent and not when it
comes: what is held until then, or heals, is the first of nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from relay.domain.events import CRITICAL, PRIORITIES
from relay.engine import names
from relay.engine.bodies import lend
from relay.engine.bundles import add_row, has_summary, move_to_bundle, open_bundle
from relay.engine.deliveries import create, from_standing, supersede
from relay.engine.draft import Draft
from relay.engine.escalations import MINUTE, call_each_minute, record_call
from relay.engine.lanes import beside, join, leave, leave_queues
from relay.engine.recipients import ESSENTIAL
from relay.engine.records import DAY, MAIN, REPLIES, Bundle, Delivery, Operation, Thread, documents
from relay.engine.state import Record

ROW = "3"  # its urgency: failures with a message of their own go first


@dataclass
class Cause(Record):
    """Failures of one cause at an address: the first that was sent, and who was mentioned by which."""

    PREFIX: ClassVar[str] = "cause:"
    KEPT: ClassVar[int] = DAY  # the longest window

    at: int = 0
    first: str = ""
    run: str = ""  # whose run failed
    gravity: int = 0
    lane: str = ""
    sent: dict[str, int] = field(default_factory=dict)  # deliveries that arrived
    callers: dict[str, str] = field(default_factory=dict)  # mentioned name → delivery
    expires: int = 0
    summary: int = 0  # when the first message about the others is due, where there are no threads; 0: there are none


def group_of(x: Delivery, *, edit: bool = False) -> str:
    """Return the name of the failures that it is grouped with; '' where none are."""
    grouped = x.cause[3] if x.cause and not edit else ""
    return grouped and names.of_address(x.destination, f"{x.address}\0{grouped}")


def is_critical(x: Delivery) -> bool:
    """Return whether it is about a Critical failure, where failures are grouped."""
    return x.cause is not None and x.cause[1] == PRIORITIES.index(CRITICAL)


def join_cause(d: Draft, x: Delivery, *, edit: bool) -> bool:
    """Send it below the first failure of its cause, and not now. False: it is sent as it is.

    What may have arrived already is not moved; nor another failure of the same run, a graver one, or a Critical one.
    """
    cause = None if x.row or is_critical(x) else _with_first(d, x, edit=edit)
    if cause is None or not x.cause or x.attempts or x.unknowns:
        return False
    window, gravity, run, _ = x.cause
    if cause.first == x.name or cause.run == run or gravity > cause.gravity:
        return False
    if x.kind == "each":
        return _move_to_bundle(d, x, cause, window)
    if x.kind != "reply" or not (x.event.startswith("batch.") or d.look(Operation, x.operation).facts.get("batch")):
        return _move_to_thread(d, x, cause.lane)
    # Readers of a batch look for its failures in its thread; the first there is more than a row.
    x.loud = False
    first_failed = d.look(Thread, x.lane).first_failed
    if not first_failed or x.name in (f"{first_failed}-batch", f"{first_failed}-reply"):
        return False
    return _move_to_thread(d, x, x.lane)


def open_cause(d: Draft, x: Delivery, *, edit: bool) -> None:
    """It is sent now, and others are sent below it from here on, unless another one has that place.

    People mentioned by the first count as mentioned, if a graver one takes its place.
    """
    if x.kind == "roundup":
        record_call(d, x)
    if x.row or not x.cause or not (name := group_of(x, edit=edit)):
        return
    known = _with_first(d, x, edit=edit)
    window, gravity, run, _ = x.cause
    if known and gravity <= known.gravity:
        return
    if known is None:
        d.drop(Cause, name)
    cause = d.edit(Cause, name)
    cause.at, cause.first, cause.run, cause.gravity, cause.lane = d.now, x.name, run, gravity, x.lane
    cause.expires = d.now + window


def leave_cause(d: Draft, x: Delivery) -> None:
    """It was dropped: nothing is sent below it, and another one mentions the people that it was to mention."""
    name = group_of(x)
    if not name or _current(d, name) is None:
        return
    cause = d.edit(Cause, name)
    cause.callers = {person: caller for person, caller in cause.callers.items() if caller != x.name}
    if cause.first == x.name:
        cause.at = 0


def confirm_sent(d: Draft, x: Delivery) -> None:
    """It arrived: of the first of a cause, and of those that mentioned people, the others are to know."""
    name = group_of(x)
    cause = _current(d, name) if name else None
    if cause and (cause.first == x.name or x.name in cause.callers.values()):
        d.edit(Cause, name).sent[x.name] = d.now


@dataclass(frozen=True, slots=True)
class ClaimMentions:
    """Mention people for a cause (`group`) by this delivery, each once in `window` ms. Answer: those it mentions.

    What is no row mentions all of its people; a Critical failure each person once a minute.
    """

    group: str
    people: Sequence[str]
    delivery: str
    window: int

    def decide(self, d: Draft) -> list[str]:
        if not self.people:
            return []
        x, mentioned = d.get(Delivery, self.delivery), self._claim(d) if self.group else [*self.people]
        if x is None or x.row or (x.kind == "reply" and not x.loud):
            return mentioned
        return call_each_minute(d, x, self.people) if is_critical(x) else [*self.people]

    def _claim(self, d: Draft) -> list[str]:
        """Return those that no other failure of the cause mentions."""
        mentioned: list[str] = []
        if _current(d, self.group) is None:
            d.drop(Cause, self.group)
        cause = d.edit(Cause, self.group)
        cause.expires = d.now + self.window
        for person in self.people:
            caller = cause.callers.get(person.casefold())
            if caller is None or caller == self.delivery or _gives_way(d, cause, caller):
                cause.callers[person.casefold()] = self.delivery
                mentioned.append(person)
        return mentioned


def _current(d: Draft, name: str) -> Cause | None:
    cause = d.get(Cause, name)
    return cause if cause and d.now < cause.expires else None


def _with_first(d: Draft, x: Delivery, *, edit: bool) -> Cause | None:
    """Return the failures of its cause, where the first of them has its place still."""
    name = group_of(x, edit=edit)
    cause = _current(d, name) if name else None
    if cause is None or not cause.at or not x.cause:
        return None
    window, *_, signature = x.cause
    if d.now - cause.at >= window or _gives_way(d, cause, cause.first, signature):
        return None
    return cause


def _gives_way(d: Draft, cause: Cause, delivery: str, signature: str = "") -> bool:
    """Return whether it will never report the cause: it is dead, or was not sent and is gone or shows another state."""
    x = d.get(Delivery, delivery)
    if x and x.died:
        return True
    if delivery in cause.sent:
        return False
    return x is None or not x.cause or x.cause[3] != (signature or x.cause[3])


def _move_to_bundle(d: Draft, x: Delivery, cause: Cause, window: int) -> bool:
    """List it in the next message about the cause. What also reaches readers who have unsubscribed does not wait."""
    start, end = cause.at, cause.at + window
    if x.passes == ESSENTIAL or d.now >= end or not has_summary(d, x.operation):
        return False
    if not cause.summary:
        cause = d.edit(Cause, cause.name)
        cause.summary = min(d.now + MINUTE, end)
    address = f"{x.address}\0{cause.name}"
    for stretch in ((cause.summary - MINUTE, cause.summary), (start, end)):
        if d.now < stretch[1] and (name := open_bundle(d, "cause", x, stretch, address=address)):
            break
    else:
        return False
    add_row(d, name, x.operation)
    if x.passes:
        d.edit(Bundle, name).passes = True
    move_to_bundle(d, x, "same_cause")
    return True


def _move_to_thread(d: Draft, x: Delivery, lane: str) -> bool:
    """Make it a reply in another one's thread. One that has no message of its own yet needs none for that."""
    if x.kind == "reply":
        if lane != x.lane:
            _count_alike(d, lane)
        leave_queues(d, x)
        leave(d, x, has_replies=x.queue == MAIN)  # among the messages it was one: others may be waiting to go under it
        x.lane, x.queue, x.row, x.urgency = lane, REPLIES, True, ROW
        x.due = d.now
        join(d, x)
        return True
    if _is_sent_beside(d, x):
        supersede(d, x, "covered_by_cause")
        return True
    text = d.field(documents(x.operation), x.event)
    if text is None:
        return False
    d.edit(Thread, x.lane).calls_people = ""
    row = Delivery(f"{x.name}-row", operation=x.operation, destination=x.destination, channel=x.channel,
                   address=x.address, kind="reply", event=x.event, lane=lane, queue=REPLIES, body=f"{x.name}-row",
                   calls=x.calls, urgency=ROW, seq=x.seq, due=d.now, created=x.created, passes=x.passes,
                   loud=x.loud, cause=x.cause, row=True)  # fmt: skip
    supersede(d, x, "covered_by_cause")
    lend(d, row.body, text)
    create(d, row)
    _count_alike(d, lane)
    return True


def _count_alike(d: Draft, lane: str) -> None:
    """Let the message of the first failure say how many more there are. What waits there shows it when it is sent."""
    thread = d.get(Thread, lane)
    first = d.get(Operation, thread.standing["operation"]) if thread and thread.standing else None
    if thread is None or first is None:
        return
    run, count = thread.alike
    thread = d.edit(Thread, lane)
    thread.alike = first.run or 0, count + 1 if run == (first.run or 0) else 1
    if not thread.waiting and (thread.posted or thread.sending):
        edit = from_standing(f"{lane}-alike-{thread.alike[0]}-{thread.alike[1]}", thread.standing)
        edit.due, edit.urgency, edit.event, edit.seq = d.now, "1", thread.shown, thread.shown_seq
        create(d, edit)


def _is_sent_beside(d: Draft, x: Delivery) -> bool:
    """Return whether a reply of its own waits to say the same: that becomes the row, when its time has come.

    What was handed out before shows all that came since, and so has another number.
    """
    o = d.get(Operation, x.operation)
    shown = x.operation, x.event, o.seqs.get(x.event, x.seq) if o else x.seq
    return any((reply.operation, reply.event, reply.seq) == shown for reply in beside(d, x.lane))
