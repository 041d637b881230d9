"""Gates: progress is notified again only once it has moved far enough."""

from relay.domain.deliveries import Digest
from relay.domain.deliveries import Gate as Least
from relay.engine.arrival import Arrival, Recipient
from relay.engine.records import Gate, Operation
from relay.engine.state import Draft

MINUTE = 60_000


def gate(d: Draft, o: Operation, a: Arrival, r: Recipient) -> str:
    """Return what progress lacks: 'increment' or 'interval'; '' if it passes, and is what the next is measured by."""
    if not a.progress:
        return ""
    how, known = r.target.how, o.gates.get(r.lane)
    gates = () if isinstance(how, Digest) else how.gates
    percentage = a.event.percentage
    if known and gates and percentage != 100:
        moved = [least for least in gates if _has_moved(a, r, least, known)]
        waited = d.now - known[1]  # below 0: the clock was set back, and it begins anew
        if all(0 <= waited < least.interval * 1000 for least in moved):
            return "interval" if moved else "increment"
    before = known[0] if known else None
    o.gates[r.lane] = (before if percentage is None else percentage, d.now, a.estimate, a.phase)
    return ""


def _has_moved(a: Arrival, r: Recipient, least: Least, known: Gate) -> bool:
    before, _, expected, phase = known
    percentage = a.event.percentage
    if least.increment == 0 or (
        percentage is not None and before is not None and percentage >= before + least.increment
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
