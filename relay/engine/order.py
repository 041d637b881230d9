"""Order: what is older than what is known, and what an event changes of its run."""

from relay.domain.events import FAILED
from relay.domain.facts import LINK
from relay.engine import watch
from relay.engine.arrival import Arrival
from relay.engine.bodies import clear_documents, keep_document
from relay.engine.draft import Draft
from relay.engine.ledger import record_begin
from relay.engine.recipients import Recipient
from relay.engine.records import (
    INITIATED,
    KEEP_DOCUMENTS,
    MISSING,
    OVER,
    RUNNING,
    STALLED,
    TERMINAL,
    Operation,
    Was,
    documents,
)
from relay.policy.presentation import variant_of

STARTS = 8  # of runs before the newest, by which repeated reports of a run are known
LASTING = ("name", "type", "priority", "path", "batch", "total")  # of a summary, what a new run keeps


def is_late(a: Arrival, was: Was) -> bool:
    """Is this older than what is known? Within a run an outcome beats progress, and a percentage never goes back."""
    if a.watch and was.rank == TERMINAL:
        return True
    if a.rank is None or was.rank is None or was.run is None:
        return False
    if a.run != was.run:
        return a.run < was.run
    if a.rank < TERMINAL == was.rank or (a.rank == INITIATED and was.rank >= RUNNING):
        return True
    if a.phase_end:
        return a.phases is not None and was.phases is not None and a.phases < was.phases
    if not a.progress:
        return False
    percentage = a.event.percentage
    if percentage is not None and was.percentage is not None:
        return percentage < was.percentage
    return a.at < was.at


def is_subset(a: Arrival, was: Was) -> bool:
    """Is this a thinner report of progress that is known? The callback beside the webhook may name no phase."""
    percentage = a.event.percentage
    return (
        a.progress
        and percentage is not None
        and percentage == was.percentage
        and not a.phase
        and a.phases is None
        and was.rank == RUNNING
        and a.run == was.run
    )


def next_seq(o: Operation) -> int:
    o.seq += 1
    return o.seq


def begins_run(a: Arrival, was: Was) -> bool:
    return a.rank is not None and was.run is not None and a.run > was.run


def advance(d: Draft, o: Operation, a: Arrival, was: Was) -> int:
    """Record an event of a run, which is neither an alarm nor a press; return its number."""
    seq, new_run = next_seq(o), begins_run(a, was)
    if o.first is None:
        o.first = d.now
        record_begin(d, o.name)
    o.last = d.now
    if new_run:
        _remember_start(o, was)
        if a.event.original:
            o.facts.pop(LINK, None)  # of the run under the id before
    state_facts(o, a)
    if a.rank is not None:
        if new_run:
            _reset_run(d, o)
            was = Was()
        _advance_run(d, o, a, was, seq)
    watch.track(d, o, a, was)
    if a.event.compared:
        o.ends = a.event.compared.after
    if a.terminal:
        _keep_lanes(d, o, a)
        o.taken = o.taken if a.event.status in FAILED else {}
    return seq


def _advance_run(d: Draft, o: Operation, a: Arrival, was: Was, seq: int) -> None:
    if was.run is None:
        # A start after an outcome began when it says; its event may be dated later than the run's first progress. Under
        # its own id alone: what the original reports after a retry under another id began is of the original.
        began = min(a.started, a.at) if "restarts" in a.facts and a.started is not None else a.at
        o.began = None if a.event.original else began
    o.rank, o.run, o.status, o.at = a.rank, a.run, a.event.status, a.at
    percentage = a.event.percentage
    if percentage is not None and a.rank == RUNNING:
        o.percentage = max(percentage, was.percentage or 0)
    if a.phases is not None:
        o.phases = max(a.phases, was.phases or 0)
    if a.targets and not o.seqs:  # so that it is known, where a message is made of it, that nothing else is there
        d.clear(documents(o.name))
    keep_document(d, o, a)
    o.seqs[a.name] = seq
    if a.terminal:
        o.stated[a.name] = a.stated


def state_facts(o: Operation, a: Arrival) -> None:
    """Keep what it states that lasts. What an earlier run adds late does not count the starts since."""
    o.subject = a.event.subject
    stated = a.facts
    if a.rank is None and "restarts" in stated:
        stated = {name: value for name, value in stated.items() if name != "restarts"}
    o.facts |= stated


def _remember_start(o: Operation, was: Was) -> None:
    if o.began is None:  # of a retry under a new id, which says its run
        return
    starts = [*o.starts.split(), f"{was.run}:{int(o.facts.get('restarts', 0))}:{o.began}"]
    o.starts = " ".join(starts[-STARTS:])


def _reset_run(d: Draft, o: Operation) -> None:
    """A new run begins: what the failed one said must not show in it, nor hold back its progress."""
    clear_documents(d, o)
    d.take_out(STALLED, o.name)
    o.reset((*watch.WATCHED, "gates", "muted", "taken", "stated", "seqs", "percentage", "phases", "went_on"))
    o.facts.pop("pressed", None)


def _keep_lanes(d: Draft, o: Operation, a: Arrival) -> None:
    """Its documents are needed for a while, and for as long as something of these lanes waits."""
    o.lanes += [r.lane for r in a.recipients if r.live and r.lane not in o.lanes]
    d.place(OVER, o.name, d.now + KEEP_DOCUMENTS)


def update_summary(o: Operation, a: Arrival) -> None:
    """Lay the newest state over what earlier events of this run said.

    An event without a rank is no state, but for a batch's alarm: it must not take the place of one.
    """
    new, old = a.summary, o.summary
    if not new or (old and a.rank is None and not a.watch):
        return
    if not old and a.rank is None and o.status:
        new = {**new, "status": o.status}
    retained = old if old.get("retry") == new["retry"] else {name: old[name] for name in LASTING if name in old}
    o.summary = {**retained, **new}


def rejected_press(o: Operation, a: Arrival) -> str:
    """Return why a press does nothing, '' if it does. The button of an earlier run must not reach the present one."""
    if not a.action.get("press"):
        return ""
    if a.action["run"] < (o.run or 0):
        return "late"
    presses, name = _presses(o, a)
    return "duplicate" if name in presses and a.action["name"] != "take" else ""


def record_press(d: Draft, o: Operation, a: Arrival) -> int:
    """Record a press, or what came of one; return its number. If nothing came of it, it may be pressed again.

    A button does its thing once: for the run, or where it mutes, for the run and the address.
    Who pressed is remembered for the run's end, also where it may have been done although it seems refused.
    """
    action = a.action
    presses, name = _presses(o, a)
    if action.get("press"):
        presses[name] = d.now
        if action.get("pressed"):
            o.facts["pressed"] = action["pressed"]
    elif not action.get("ok"):
        presses.pop(name, None)
        if action["name"] == "cancel" and not action.get("unknown"):
            o.facts.pop("pressed", None)
    o.subject = o.subject or a.event.subject
    return next_seq(o)


def is_muted(o: Operation, r: Recipient) -> bool:
    return r.live and r.lane in o.muted


def is_taken(o: Operation, a: Arrival) -> bool:
    """Return whether it only reminds of what a person looks at."""
    return bool(o.taken) and variant_of(a.event) == "reminder"


def _presses(o: Operation, a: Arrival) -> tuple[dict[str, int], str]:
    """Return where a press is remembered, and under which name."""
    if a.action["name"] == "mute":
        return o.muted, a.recipients[0].lane
    return o.presses, f"{a.action['name']}:{a.action['run']}"


def is_outdated(o: Operation, a: Arrival) -> bool:
    """Return whether the run has changed since the alarm was decided: it may come true later, and is dropped now.

    One with `job` is of a run that has not begun, so nothing is known of it.
    """
    alarm = a.watch
    if o.alarms != alarm["was"]:
        return True
    if "job" in alarm:
        return False
    return o.first is None or any(name in alarm and getattr(o, name) != alarm[name] for name in ("heard", "moved"))


def record_alarm(d: Draft, o: Operation, a: Arrival) -> int:
    """Record an alarm of the watchdog, which is never a sign of life; return its number among the events of the run."""
    alarm, seq = a.watch, next_seq(o)
    o.alarms = alarm["becomes"]
    if "since" in alarm:
        o.first = o.first if o.first is not None else alarm["since"]
        state_facts(o, a)
    if a.rank is not None:
        keep_document(d, o, a)
        o.seqs[a.name] = seq
    if "job" in alarm:
        if alarm["open"]:
            d.put(MISSING, o.name, alarm["job"].encode())
        else:
            d.remove(MISSING, o.name)
    elif alarm["open"]:
        d.place(STALLED, o.name, d.now)
    else:
        d.take_out(STALLED, o.name)
        o.taken = {}
    return seq
