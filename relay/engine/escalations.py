"""Runs that a person looks at (the button `take`), and Critical failures: their mentions, and their escalation.

Each step of an escalation is a delivery that waits from the failure on, so it outlives every process. A press of
`take`, the next run, and an end without failure drop what was not handed out.

A Critical failure mentions each person at most once a minute at an address. What comes meanwhile is sent without the
mention, and named in the next call: a list that is due a minute after the last one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from relay.domain.deliveries import EVERYBODY
from relay.domain.events import FAILED
from relay.engine.arrival import Arrival
from relay.engine.bodies import lend_newest
from relay.engine.bundles import add_row, has_summary, is_closed, open_bundle
from relay.engine.deliveries import create, delivery_for, from_standing, supersede
from relay.engine.draft import Draft
from relay.engine.ledger import note
from relay.engine.names import of_address
from relay.engine.order import begins_run
from relay.engine.outcomes import held_until
from relay.engine.recipients import Recipient
from relay.engine.records import DAY, HELD, STALLED, Bundle, Delivery, Operation, Thread, Was
from relay.engine.state import Record

TAKE = "take"
MINUTE = 60_000  # ms
WHO = ("user", "userName", "realName")


@dataclass
class Calls(Record):
    """By name, when a Critical failure at an address mentioned a person last, in which delivery, and the next list."""

    PREFIX: ClassVar[str] = "calls:"
    KEPT: ClassVar[int] = DAY

    made: dict[str, tuple[int, str, str]] = field(default_factory=dict)


def rejected_take(d: Draft, o: Operation, a: Arrival) -> str:
    """Return why a press of `take` does nothing; '' if it does. The last one holds."""
    if o.status not in FAILED and d.score(STALLED, o.name) is None:
        return "late"
    return "duplicate" if o.taken.get("user") == a.event.document["action"]["user"] else ""


def take_over(d: Draft, o: Operation, a: Arrival) -> None:
    """Let a person look at this run, in the place of another one, and its posted messages say so."""
    pressed = a.event.document["action"]
    o.taken = {key: str(pressed[key]) for key in WHO}
    stop(d, o)
    note(d, o.name, "taken", o.taken["realName"] or o.taken["userName"] or o.taken["user"])
    lanes = dict.fromkeys((*(r.lane for r in a.recipients), *o.lanes, *o.alarms_sent))
    for number, lane in enumerate(lanes):
        thread = d.get(Thread, lane)
        # What waits shows it when it is sent.
        if thread and thread.standing and not thread.waiting and (thread.posted or thread.sending):
            x = from_standing(f"{a.body_name}-taken-{number}", thread.standing)
            x.due, x.urgency, x.event, x.seq = d.now, "1", thread.shown, thread.shown_seq
            create(d, x)


def arm(d: Draft, o: Operation, a: Arrival, seq: int, notified: Sequence[Recipient]) -> None:
    """Queue the steps of a failure's escalation, once a run, for those who got it; none where a person looks at it.

    Of a failure that is held they count from when it is sent.
    """
    if o.taken or o.escalations:
        return
    steps: dict[tuple[float, str], int] = {}
    for delivery in notified:
        begins = max(d.now, held_until(d, delivery, a.run))
        for step in delivery.target.escalate:
            steps[step] = min(steps.get(step, begins), begins)
    in_order = sorted((begins + round(after * 1000), after, to) for (after, to), begins in steps.items())
    for number, (due, after, to) in enumerate(in_order):
        for r in Arrival(a.event, d.settings.targets_at(to, a.event)).recipients:
            if not r.target.hold_reason:
                x = delivery_for(d, a, r, seq, "reply" if r.live else "each")
                x.name, x.queue, x.alone = f"{r.id}-escalated-{number}", HELD, True
                x.cause = (*x.cause[:3], "") if x.cause else None  # a message of its own; mentions are once a minute
                x.escalated = round(after * 1000)
                x.due = due
                lend_newest(d, o, a)
                create(d, x)
                o.escalations.append(x.name)
                note(d, o.name, "escalates", r.destination, r.address, after)


def is_answer(a: Arrival, was: Was) -> bool:
    """Return whether it ends an escalation: a new run, or an end without failure."""
    return begins_run(a, was) or (a.terminal and a.event.status not in FAILED)


def stop(d: Draft, o: Operation) -> None:
    """Drop the steps that were not handed out."""
    names, o.escalations = o.escalations, []
    for x in d.get_all(Delivery, names).values():
        if not x.ticket and not x.died:
            supersede(d, d.edit(Delivery, x.name), "answered")


def call_each_minute(d: Draft, x: Delivery, people: Sequence[str]) -> list[str]:
    """Return those that it mentions; the others are mentioned by their next call, which names it."""
    calls, mentioned = _made(d, x), []
    for person in people:
        at, by, following = calls.get(person.casefold(), (0, "", ""))
        call = "" if person == EVERYBODY or by == x.name else _next_call(d, x, at, following)
        if call:
            failed = x.cause[2] if x.cause else ""  # an operation of a batch has a name of its own
            add_row(d, call, failed if has_summary(d, failed) else x.operation)
            bundle = d.edit(Bundle, call)
            bundle.people = [*dict.fromkeys((*bundle.people, person))]
            calls[person.casefold()] = at, by, call
            continue
        mentioned.append(person)
        if person != EVERYBODY:
            calls[person.casefold()] = d.now, x.name, following if by == x.name else ""
    return mentioned


def _made(d: Draft, x: Delivery) -> dict[str, tuple[int, str, str]]:
    """Return the calls at its address that still count: of the last minute, or with a list that waits."""
    calls = d.edit(Calls, of_address(x.destination, x.address))
    calls.made = {
        person: call
        for person, call in calls.made.items()
        if d.now < call[0] + MINUTE or (call[2] and d.get(Delivery, call[2]))
    }
    return calls.made


def _next_call(d: Draft, x: Delivery, at: int, following: str) -> str:
    """Return the list that mentions a person next, where one waits or the last mention is not a minute ago; else ''."""
    waiting = d.get(Delivery, following) if following else None
    if waiting and not waiting.died and not is_closed(d, following):
        return following
    return open_bundle(d, "call", x, (at, at + MINUTE)) if at <= d.now < at + MINUTE else ""


def wait_for_call(d: Draft, x: Delivery) -> int:
    """Return the ms until a list may mention its people: another call of one of them may have been tried again."""
    people = d.look(Bundle, x.name).people if x.kind == "roundup" else ()
    made = d.look(Calls, of_address(x.destination, x.address)).made if people else {}
    calls = (made.get(person.casefold(), (0, "", "")) for person in people)
    return max((at + MINUTE - d.now for at, by, _ in calls if by != x.name and at <= d.now), default=0)


def record_call(d: Draft, x: Delivery) -> None:
    """It is sent now: a minute from here on its people are not mentioned."""
    if people := d.look(Bundle, x.name).people:
        calls = _made(d, x)
        for person in map(str.casefold, people):
            following = calls.get(person, (0, "", ""))[2]
            calls[person] = d.now, x.name, following if following != x.name else ""
