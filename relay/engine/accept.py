"""An event is accepted: identity, order, what it changes of its operation, and who is notified of it."""

from relay.domain.deliveries import Accepted
from relay.engine import escalations, jobs, outcomes, watch
from relay.engine.arrival import Arrival
from relay.engine.dispatch import dispatch
from relay.engine.draft import Draft
from relay.engine.known import end_in_batch, link_retry, mark_shared, tell_batch
from relay.engine.ledger import count_event, note
from relay.engine.names import DIGEST
from relay.engine.order import (
    advance,
    begins_run,
    is_late,
    is_outdated,
    is_subset,
    record_alarm,
    record_press,
    rejected_press,
    update_summary,
)
from relay.engine.records import KEEP_OPERATION, Operation, Was, identities

FEW = 32  # digests in the record itself; those of a run of hundreds of events are in a table beside it


def accept(d: Draft, a: Arrival) -> Accepted:
    """Return what became of the event. `fuller`: it adds to a known outcome, and nothing was done."""
    operation = d.get(Operation, a.operation) or Operation(a.operation)
    repeated, used = is_known(d, operation, a.fact), is_known(d, operation, a.sender_id)
    was = Was.of(operation)
    # An id alone makes no repetition: some senders put their registration's into every event.
    same = repeated or (used and is_known(d, operation, a.fact_as_stated))
    if same or is_subset(a, was):
        return _repeated(d, a, was, same=same, used=used)
    if a.watch and is_outdated(operation, a):  # not remembered: it may come true later
        return _dropped(d, "late")
    taking = a.action.get("name") == escalations.TAKE
    if why := rejected_press(operation, a) or (escalations.rejected_take(d, operation, a) if taking else ""):
        return _dropped(d, why)
    o = d.edit(Operation, a.operation)
    d.count("received")
    outcomes.record_source(d, o, a)
    remember(d, o, "" if used else a.sender_id, a.fact)
    if is_late(a, was):
        return _late(d, o, a, was, used=used)
    if o.escalations and escalations.is_answer(a, was):
        escalations.stop(d, o)
    if a.terminal or begins_run(a, was):
        outcomes.end_wait(d, o, a)
    before = outcomes.begin_again(d, o, a) if begins_run(a, was) else None
    seq = _record(d, o, a, was)
    mark_shared(d, a.event)
    if a.terminal:
        jobs.keep_end(d, o, a, new_run=before is not None)
    update_summary(o, a)
    end_in_batch(d, a)
    tell_batch(d, a)
    link_retry(d, a)
    return _notify(d, o, a, seq, reused=used, new_run=before is not None)


def _record(d: Draft, o: Operation, a: Arrival, was: Was) -> int:
    if a.watch:
        return record_alarm(d, o, a)
    if a.action.get("name") == escalations.TAKE:
        escalations.take_over(d, o, a)
    if a.action:
        return record_press(d, o, a)
    o.job = jobs.stated(a) or o.job
    return advance(d, o, a, was)


def _notify(d: Draft, o: Operation, a: Arrival, seq: int, *, reused: bool, new_run: bool) -> Accepted:
    unheard = "" if a.targets else "no_rule"
    note(d, o.name, "accepted", a.name, a.event.status, a.event.percentage, a.sender, unheard)
    d.count("events")
    if unheard:
        d.count("accepted")
        d.count("held:no_rule")
    notified, held = dispatch(d, o, a, seq)
    if any(target.escalate for target in a.targets):
        escalations.arm(d, o, a, seq, [r for r in a.recipients if r.notified])
    if not notified and a.progress and not new_run:
        count_event(d, o.name)
    return Accepted("accepted", notified, (("", unheard),) if unheard else tuple(held), reused)


def _repeated(d: Draft, a: Arrival, was: Was, *, same: bool, used: bool) -> Accepted:
    operation = d.get(Operation, a.operation)
    compared = a.event.compared
    if operation and same and outcomes.adds(operation, a, was):
        o = d.edit(Operation, a.operation)
        if not (a.completes and outcomes.complete(d, o, a)):
            return Accepted("fuller")
        jobs.keep_end(d, o, a, new_run=False)
        outcomes.refresh(d, o, a)
        if any(target.escalate for target in a.targets):  # what was added may have made it critical
            escalations.arm(d, o, a, o.seqs[a.name], [r for r in a.recipients if not r.target.hold_reason])
    if operation and same:
        outcomes.record_source(d, operation, a)
        if a.name == outcomes.COMPLETED:
            outcomes.end_wait(d, operation, a)
    d.count("received")
    d.count("duplicates")
    if compared and operation and operation.ends != compared.after:
        d.edit(Operation, a.operation).ends = compared.after
    if compared and compared.differs:
        note(d, a.operation, "differs", a.name, a.sender, " and ".join(compared.differs))
    if not used:
        watch.record_repeat(d, d.edit(Operation, a.operation), a, was)
    return Accepted("duplicate")


def _late(d: Draft, o: Operation, a: Arrival, was: Was, *, used: bool) -> Accepted:
    d.count("late")
    if a.run == was.run:
        watch.record_repeat(d, o, a, was)
    note(d, o.name, "late", a.name, a.event.percentage)
    if a.progress:
        count_event(d, o.name)
    return Accepted("late", id_reused=used)


def _dropped(d: Draft, why: str) -> Accepted:
    d.count("received")
    d.count("late" if why == "late" else "duplicates")
    return Accepted("late" if why == "late" else "duplicate")


def is_known(d: Draft, o: Operation, digest: str) -> bool:
    """Return whether a fact or a sender's id of this digest came before; False for ''."""
    if not digest:
        return False
    index = o.ids.find(digest)
    while index >= 0:
        if index % DIGEST == 0:
            return True
        index = o.ids.find(digest, index + 1)
    return o.many and d.field(identities(o.name), digest) is not None


def remember(d: Draft, o: Operation, *digests: str) -> None:
    for digest in filter(None, digests):
        if len(o.ids) < FEW * DIGEST:
            o.ids += digest
        else:
            o.many = True
            d.put(identities(o.name), digest, b"", kept=KEEP_OPERATION)
    if o.many:  # where a run began after they were set there, they live as long as it does
        d.keep(identities(o.name), KEEP_OPERATION)
