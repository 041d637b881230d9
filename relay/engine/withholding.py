"""New messages that have to wait: in quiet hours, or while they are silenced. A summary shows them later.

Which silence means a message is decided by relay.policy.silences. What is due at its end is in an index, by which an
earlier end finds it.
"""

from dataclasses import dataclass
from typing import ClassVar

from relay.domain.deliveries import Silenced
from relay.engine import names
from relay.engine.arrival import Arrival
from relay.engine.bodies import lend_newest
from relay.engine.bundles import Place, add_row, has_summary, is_closed, move_rows, open_bundle
from relay.engine.deliveries import create
from relay.engine.draft import Draft
from relay.engine.lanes import make_due
from relay.engine.ledger import record_held
from relay.engine.recipients import Recipient
from relay.engine.records import DAY, SILENCES, Bundle, Delivery, Operation, rows, silenced
from relay.engine.state import Record

KEPT_SILENCE, MOST_OVER = 30 * DAY, 1000  # so long, and so many, of those that are over


@dataclass
class Silence(Record):
    """A silence that people made, as its text; "over" from `ends` on."""

    PREFIX: ClassVar[str] = "silence:"

    text: str = ""
    ends: int = 0
    planned: int = 0


@dataclass(frozen=True, slots=True)
class AddSilence:
    """Add a silence. Answer: False where `most` are not over yet."""

    id: str
    text: str
    ends: int
    most: int

    def decide(self, d: Draft) -> bool:
        if d.get(Silence, self.id):
            return True
        _trim(d)
        if d.size(SILENCES) - len(d.first(SILENCES, d.now)) >= self.most:
            return False
        silence = d.edit(Silence, self.id)
        silence.text, silence.ends, silence.planned = self.text, self.ends, self.ends
        d.place(SILENCES, self.id, self.ends)
        return True


@dataclass(frozen=True, slots=True)
class EndSilence:
    """End a silence before its time. Answer: the channels in which something is due by that; None: it was over."""

    id: str

    def decide(self, d: Draft) -> list[str] | None:
        known = d.get(Silence, self.id)
        if known is None or known.ends <= d.now:
            return None
        d.edit(Silence, self.id).ends = d.now
        d.place(SILENCES, self.id, d.now)
        held = d.get_all(Delivery, [name for _, name in d.ascending(silenced(self.id))])
        waiting = [x for x in held.values() if not x.ticket and not x.died]
        d.each(_release_held, [x.name for x in waiting])
        _forget_held(d, self.id)
        return sorted({x.channel for x in waiting})


def _release_held(d: Draft, name: str) -> bool:
    x = d.edit(Delivery, name)
    bundle = d.get(Bundle, x.name)
    if bundle and bundle.kind == "silence":  # it is of the time that the silence lasted
        d.edit(Bundle, x.name).end = d.now
        x.created = d.now
    make_due(d, x, d.now)
    return True


def _trim(d: Draft) -> None:
    """Forget silences that have long been over, and the oldest where many are."""
    over, old = d.first(SILENCES, d.now), d.first(SILENCES, d.now - KEPT_SILENCE)
    for id_ in over[: max(len(old), len(over) - MOST_OVER)]:
        d.drop(Silence, id_)
        d.take_out(SILENCES, id_)
        _forget_held(d, id_)


def _forget_held(d: Draft, id_: str) -> None:
    for _, name in d.ascending(silenced(id_)):
        d.take_out(silenced(id_), name)


def enqueue(d: Draft, o: Operation, a: Arrival, r: Recipient, x: Delivery) -> str:
    """Queue a new message; return why it was withheld instead, '' if it was not."""
    if why := withhold(d, o, a, r, d.now):
        return why
    if x.body:
        lend_newest(d, o, a)
    create(d, x)
    return ""


def withhold(d: Draft, o: Operation, a: Arrival, r: Recipient, due: int) -> str:
    """Withhold a new message that is due then; return why, '' if it may be sent."""
    silence, quiet = r.target.silence, r.quiet
    why = ""
    if silence and due < end_of(silence) and _hold_for_silence(d, a, r, silence):
        why = "silenced"
    elif quiet and due < quiet[1] and _hold_for_quiet_hours(d, a, r, quiet):
        why = "quiet_hours"
    r.withheld = why
    if not why:
        return ""
    shown = why == "quiet_hours" or (silence is not None and silence.in_summary)
    record_held(d, a.operation, r.destination, why, silence.id if silence and why == "silenced" else "")
    if a.name == "operation.stalled" and shown:
        o.alarms_sent[r.lane] = d.now
    return why


def end_of(silence: Silenced) -> int:
    return round(silence.end * 1000)


def is_over(d: Draft, silence: Silenced) -> bool:
    """Return whether it has ended: people may end it before its time."""
    made = d.get(Silence, silence.id)
    return d.now >= end_of(silence) or (made is not None and made.ends <= d.now)


def await_end(d: Draft, silence: Silenced, name: str) -> None:
    """Let a delivery, or a bundle, be sent at its end."""
    d.place(silenced(silence.id), name, end_of(silence))


def bundle_silenced(d: Draft, x: Delivery, silence: Silenced) -> bool:
    """Put a delivery that was not sent, or all of a round-up, into the silence's summary. False: it has left."""
    if x.kind != "roundup" and not has_summary(d, x.operation):
        return False
    name = _summary(d, silence, x)
    if not name:
        return False
    if x.kind == "roundup":
        move_rows(d, x.name, name)
    else:
        add_row(d, name, x.operation)
    return True


def _summary(d: Draft, silence: Silenced, where: Place) -> str:
    """Open the summary of this silence at an address; '' if it has left."""
    stretch = round(silence.start * 1000), end_of(silence)
    name = open_bundle(d, "silence", where, stretch, named=f"silence {silence.id}")
    if name:
        await_end(d, silence, name)
        if where.passes:
            d.edit(Bundle, name).passes = True
    return name


def _hold_for_silence(d: Draft, a: Arrival, r: Recipient, silence: Silenced) -> bool:
    if is_over(d, silence):
        return False
    if silence.in_summary:
        name = a.summary and _summary(d, silence, r)
        if not name:
            return False
        add_row(d, name, a.operation)
    if r.quiet:  # it is in the silence's summary, and not shown twice
        name = names.bundle(r.lane, "quiet", (r.destination, r.address), *r.quiet)
        if not is_closed(d, name):
            d.remove(rows(name), a.operation)
    return True


def _hold_for_quiet_hours(d: Draft, a: Arrival, r: Recipient, quiet: tuple[int, int]) -> bool:
    if r.passes or d.now >= quiet[1] or not a.summary:
        return False
    name = open_bundle(d, "quiet", r, quiet)
    if name:
        add_row(d, name, a.operation)
    return bool(name)
