"""Runs that a person looks at (the button `take`), and critical failures that are escalated until one does.

Each step of an escalation is a delivery that waits from the failure on, so it outlives every process. A press of
`take`, the next run, and an end without failure drop what was not handed out.
"""

from collections.abc import Sequence

from relay.domain.events import FAILED
from relay.engine.arrival import Arrival
from relay.engine.bodies import lend_newest
from relay.engine.deliveries import create, delivery_for, from_standing, supersede
from relay.engine.draft import Draft
from relay.engine.ledger import note
from relay.engine.order import begins_run
from relay.engine.outcomes import held_until
from relay.engine.recipients import Recipient
from relay.engine.records import HELD, STALLED, Delivery, Operation, Thread, Was

TAKE = "take"
WHO = ("user", "userName", "realName")


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
    for each in notified:
        begins = max(d.now, held_until(d, each, a.run))
        for step in each.target.escalate:
            steps[step] = min(steps.get(step, begins), begins)
    in_order = sorted((begins + round(after * 1000), after, to) for (after, to), begins in steps.items())
    for number, (due, after, to) in enumerate(in_order):
        for r in Arrival(a.event, d.settings.targets_at(to, a.event)).recipients:
            if not r.target.hold_reason:
                x = delivery_for(d, a, r, seq, "reply" if r.live else "each")
                x.name, x.queue, x.alone, x.cause = f"{r.id}-escalated-{number}", HELD, True, None
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
    for x in d.readable(Delivery, names).values():
        if x and not x.ticket and not x.died:
            supersede(d, d.edit(Delivery, x.name), "answered")
