"""Dispatch of an event to its recipients."""

from relay.domain.deliveries import Digest
from relay.domain.deliveries import Gate as Least
from relay.engine.arrival import Arrival
from relay.engine.bundles import add_to_digest
from relay.engine.deliveries import delivery_for, supersede
from relay.engine.draft import Draft
from relay.engine.lanes import beside, first_of, make_due, queued
from relay.engine.ledger import note, record_held
from relay.engine.live import reply_in_batch, shown_elsewhere, upsert
from relay.engine.order import is_muted, is_taken
from relay.engine.outcomes import held_until, hold, wait_for_files
from relay.engine.recipients import ESSENTIAL, Recipient
from relay.engine.records import MAIN, REPLIES, Delivery, Gate, Operation
from relay.engine.suppressions import suppressed
from relay.engine.withholding import enqueue

MINUTE = 60_000


def dispatch(d: Draft, o: Operation, a: Arrival, seq: int) -> tuple[int, list[tuple[str, str]]]:
    """Notify every recipient; return how many are, and of the others destination and reason."""
    if not a.targets:
        return 0, []
    held = []
    for r in a.recipients:
        why = _notify(d, o, a, r, seq)
        # What a reply in the batch's thread says already, people have.
        r.notified = not why or (why == "batch" and r.target.presentation.batch_reply)
        if why:
            held.append((r.destination, why))
    return len(a.recipients) - len(held), held


def _notify(d: Draft, o: Operation, a: Arrival, r: Recipient, seq: int) -> str:
    """Return why the recipient is not notified; '' if it is."""
    bundled = isinstance(r.target.how, Digest) and bool(r.target.how.windows)
    if refused := r.target.hold_reason or suppressed(d, r.destination, r.address, r.passes == ESSENTIAL):
        return _hold(d, a, r, refused, r.address)
    reason = "" if bundled else _reason_against(d, o, a, r)
    if reason == "batch" and (withheld := reply_in_batch(d, o, a, r, seq)) is not None:
        return withheld
    if reason:
        return _hold(d, a, r, reason)
    if r.target.failure_shown and not _give_way(d, a, r):
        if not r.live:
            return _hold(d, a, r, "failure_shown")
        r.reply = False
    if bundled:
        add_to_digest(d, o, a, r)
        return ""
    withheld = upsert(d, o, a, r, seq) if r.live and a.rank is not None else _send(d, o, a, r, seq)
    if not withheld:
        note(d, a.operation, "queued", r.destination, r.address)
    return withheld


def _reason_against(d: Draft, o: Operation, a: Arrival, r: Recipient) -> str:
    """Return what the operation itself, its batch, or a person who muted it, says against a notification."""
    if reason := shown_elsewhere(d, a, r):
        return reason
    if a.rank is None and not a.action and is_muted(o, r):
        return "muted"
    if not r.live and is_taken(o, a):
        return "taken"
    return gate(d, o, a, r)


def _hold(d: Draft, a: Arrival, r: Recipient, reason: str, detail: str = "") -> str:
    """Count and note it; `detail`: the address, or the silence by which people find it."""
    if reason == "silenced" and r.target.silence:
        detail = r.target.silence.id
    record_held(d, a.operation, r.destination, reason, detail)
    return reason


def _send(d: Draft, o: Operation, a: Arrival, r: Recipient, seq: int) -> str:
    """Queue a message of its own. An event that no live message could show goes beside that."""
    x = delivery_for(d, a, r, seq, "reply" if r.live else "each")
    x.alone = r.live
    wait_for_files(o, a, x)
    if until := held_until(d, r, a.run):
        x.due, x.error_line = until, a.error_line
        hold(o, r.id, until)
    withheld = enqueue(d, o, a, r, x)
    if a.terminal:
        _hurry_progress(d, r)
    return withheld


def _hurry_progress(d: Draft, r: Recipient) -> None:
    """Make a progress message due that waits for its next attempt: an outcome does not wait for that."""
    first = first_of(d, r.lane, REPLIES if r.live else MAIN)
    if first and first.event == "operation.progress" and not first.ticket:
        first = d.edit(Delivery, first.name)
        make_due(d, first, d.now)


def _give_way(d: Draft, a: Arrival, r: Recipient) -> bool:
    """Drop a failure of this run whose sending has not begun, for its completion. False: people have it."""
    names = queued(d, r.lane, MAIN)
    for x in beside(d, r.lane) if r.live else d.get_all(Delivery, names).values():
        if x.operation == a.operation and x.event == "operation.failed" and not x.ticket and not x.attempts:
            supersede(d, d.edit(Delivery, x.name), "newer state")
            return True
    return False


def gate(d: Draft, o: Operation, a: Arrival, r: Recipient) -> str:
    """Return what progress lacks: 'increment' or 'interval'; '' if it passes, and is what the next is measured by.

    It is notified again only once it has moved far enough.
    """
    if not a.progress:
        return ""
    how, known = r.target.how, o.gates.get(r.lane)
    gates = () if isinstance(how, Digest) else how.gates
    percentage = a.event.percentage
    if known and gates and percentage != 100:
        moved = [minimum for minimum in gates if _has_moved(a, r, minimum, known)]
        waited = d.now - known[1]
        if all(waited < minimum.interval * 1000 for minimum in moved):
            return "interval" if moved else "increment"
    before = known[0] if known else None
    o.gates[r.lane] = (before if percentage is None else percentage, d.now, a.estimate, a.phase)
    return ""


def _has_moved(a: Arrival, r: Recipient, minimum: Least, gate: Gate) -> bool:
    before, _, expected, phase = gate
    percentage = a.event.percentage
    if minimum.increment == 0 or (
        percentage is not None and before is not None and percentage >= before + minimum.increment
    ):
        return True
    if (r.live or percentage is None) and a.phase != phase:
        return True
    return r.live and _has_shifted(a, expected)


def _has_shifted(a: Arrival, expected: int | None) -> bool:
    """Return whether its expected end moved by a tenth of the time that was left: noticeably later, or earlier."""
    if a.estimate is None or expected is None:
        return False
    return abs(a.estimate - expected) >= max(0.1 * (expected - a.at), MINUTE)
