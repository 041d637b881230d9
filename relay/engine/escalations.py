"""Runs that a person looks at (the button `take`): their messages say so, and reminders stop."""

from relay.domain.events import FAILED
from relay.engine.arrival import Arrival
from relay.engine.deliveries import create, from_standing
from relay.engine.draft import Draft
from relay.engine.ledger import note
from relay.engine.records import STALLED, Operation, Thread

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
    note(d, o.name, "taken", o.taken["realName"] or o.taken["userName"] or o.taken["user"])
    lanes = dict.fromkeys((*(r.lane for r in a.recipients), *o.lanes, *o.alarms_sent))
    for number, lane in enumerate(lanes):
        thread = d.get(Thread, lane)
        # What waits shows it when it is sent.
        if thread and thread.standing and not thread.waiting and (thread.posted or thread.sending):
            x = from_standing(f"{a.body_name}-taken-{number}", thread.standing)
            x.due, x.urgency, x.event, x.seq = d.now, "1", thread.shown, thread.shown_seq
            create(d, x)
