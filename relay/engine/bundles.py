"""Bundles: runs that are shown together.

A bundle is one stretch of time at one address: a digest's window, quiet hours, a silence, the backlog of something
broken, failures of one cause, Critical ones since a call, or new messages above the cap. All but the last have a
delivery of the same name, made with it and due at its end. The first hand-out closes it: nothing joins it any more, so
every attempt shows the same, and what comes later goes into the next one. Its name is made by
`relay.engine.names.bundle`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import chain, count
from typing import Any, ClassVar

from pydantic_core import to_json

from relay.domain.deliveries import Digest, Target, Window
from relay.domain.facts import Space
from relay.engine import names
from relay.engine.arrival import Arrival
from relay.engine.deliveries import alarm_sent, create, forget, keep_doubt
from relay.engine.draft import Draft
from relay.engine.lanes import leave
from relay.engine.ledger import note, record_end
from relay.engine.names import home_of, of_address
from relay.engine.recipients import Recipient, milliseconds
from relay.engine.records import DAY, KEEP_BUNDLE, Bundle, Delivery, Operation, rows
from relay.engine.state import Record

REFRESHED = 5000  # rows that are brought up to date when it is closed: more than people read
# Of a summary, what a row shows; with the id, and what lasts as a fact.
SHOWN = (
    "status", "at", "retry", "percentage", "phase", "duration", "error", "rule", "variants", "anomalies", "records",
    "done_count", "failed_count", "name", "type", "priority", "path", "batch", "total", "started", "created", "ended",
    "member_of", "completed_count", "failing",
)  # fmt: skip
Place = Recipient | Delivery  # where a bundle goes


@dataclass
class Baseline(Record):
    """Figures of an address's sent digests: the newest one's, and how many runs completed and failed per day."""

    PREFIX: ClassVar[str] = "baseline:"
    KEPT: ClassVar[int] = 60 * DAY

    end: int = 0
    last: str = ""
    days: dict[str, tuple[int, int]] = field(default_factory=dict)


def is_closed(d: Draft, name: str) -> bool:
    return d.look(Bundle, name).closed > 0


def open_bundle(
    d: Draft, kind: str, where: Place, stretch: tuple[int, int], *, address: str = "", named: str = ""
) -> str:
    """Open the bundle of this stretch of time with its delivery, if it is not open; return its name, '' if it has left.

    `address` and `named` are part of its name in the place of the address and the kind.
    """
    (start, end), place = stretch, (where.destination, address or where.address)
    name = names.bundle(where.lane, named or kind, place, start, end)
    if is_closed(d, name):
        return ""
    describe(d, name, kind, where, start, end)
    if d.get(Delivery, name) is None:
        form = "digest" if kind == "digest" else "roundup"
        # It is of the moment that it is due: a window of a week must neither date its mail nor use up its patience.
        create(d, Delivery(name, operation=name, destination=where.destination, channel=where.channel,
                           address=where.address, kind=form, event=form, lane=name, calls=where.calls, due=end,
                           created=end, urgency="1" if kind == "call" else ""))  # fmt: skip
    return name


def describe(d: Draft, name: str, kind: str, where: Place, start: int, end: int) -> Bundle:  # noqa: PLR0917
    """Make or change a bundle without a delivery of its own; its start stays."""
    bundle = d.edit(Bundle, name)
    bundle.kind, bundle.calls, bundle.end = kind, where.calls, end
    bundle.destination, bundle.channel, bundle.address = where.destination, where.channel, where.address
    bundle.start = bundle.start or start
    d.keep(rows(name), max(end - d.now, 0) + KEEP_BUNDLE)
    return bundle


def has_summary(d: Draft, operation: str) -> bool:
    return bool(d.look(Operation, operation).summary)


def summary_of(o: Operation) -> dict[str, Any]:
    """Return the row of an operation: its newest state in a few words."""
    row = {"id": o.subject} | {name: _plain(o.summary[name]) for name in SHOWN if name in o.summary}
    return row | {name: o.facts[name] for name in Space._fields if o.facts.get(name)}


def add_row(d: Draft, name: str, operation: str) -> bool:
    """Lay an operation's summary over what the bundle knew of it; return whether it is new there."""
    is_new = d.field(rows(name), operation) is None
    _write_row(d, name, operation, d.get(Operation, operation))
    return is_new


def move_rows(d: Draft, source: str, target: str) -> None:
    """Make all that one bundle shows part of another, which is open."""
    for operation, row in d.table(rows(source)).items():
        d.put(rows(target), operation, row)


def close(d: Draft, name: str) -> None:
    """Let nothing join it any more.

    Not everything that a run did in quiet hours was held: it is shown as it is in the morning. A digest shows what was
    notified; what the digests before amounted to becomes part of it, so that it is the same at every attempt.
    """
    bundle = d.edit(Bundle, name)
    if bundle.closed:
        return
    bundle.closed = d.now
    if bundle.kind == "digest":
        if past := d.get(Baseline, of_address(bundle.destination, bundle.address)):
            bundle.baseline = figures(past)
        return
    for operation, o in d.get_all(Operation, [*d.table(rows(name))][:REFRESHED]).items():
        if o.summary:
            _write_row(d, name, operation, o)


def move_to_bundle(d: Draft, x: Delivery, reason: str, detail: str = "") -> None:
    """End a delivery whose run a bundle shows instead, or nothing: `reason` says which. `detail`: the silence."""
    d.count("pending", -1)
    d.count(f"held:{reason}")
    note(d, x.operation, "held", x.destination, reason, detail)
    record_end(d, x, "held", reason)
    alarm_sent(d, x)
    keep_doubt(d, x)
    leave(d, x)
    forget(d, x)


def _write_row(d: Draft, name: str, operation: str, o: Operation | None) -> None:
    d.put(rows(name), operation, to_json(summary_of(o) if o else {}))


def _plain(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def figures(past: Baseline) -> dict[str, str]:
    """Return what the digests before amounted to, as a bundle keeps it."""
    texts = {"to": str(past.end), "last": past.last}
    for day, (completed, failed) in past.days.items():
        texts |= {f"c:{day}": str(completed), f"f:{day}": str(failed)}
    return texts


@dataclass(frozen=True, slots=True)
class ScheduleDigest:
    """Send this window's digest also if nothing comes in. Answer: False where it is scheduled or closed already."""

    target: Target
    window: Window

    def decide(self, d: Draft) -> bool:
        stretch = milliseconds(self.window)
        name = _name_of(self.target, stretch)
        known = d.get(Bundle, name)
        if known and (known.closed or known.send_empty or known.start != stretch[0]):
            return False
        open_bundle(d, "digest", _place_of(self.target), stretch)
        opened = d.edit(Bundle, name)
        opened.send_empty, opened.zone = True, zone_of(self.target.how)
        return True


@dataclass(frozen=True, slots=True)
class SendDigest:
    """Send now what the window holds so far, and the rest at its end. Answer: False where it holds nothing."""

    target: Target
    window: Window

    def decide(self, d: Draft) -> bool:
        name = _name_of(self.target, milliseconds(self.window))
        known, held = d.get(Bundle, name), d.table(rows(name))
        if known is None or known.closed or not held:
            return False
        ahead = open_bundle(d, "digest", _place_of(self.target), (known.start, d.now))
        if ahead in ("", name):  # it was sent, or is due by itself, in this very ms
            return False
        move_rows(d, name, ahead)
        d.clear(rows(name))
        opened = d.edit(Bundle, ahead)
        opened.zone, opened.held = known.zone, known.held
        rest = d.edit(Bundle, name)
        rest.start, rest.held, rest.send_empty = d.now, 0, False
        return True


def add_to_digest(d: Draft, o: Operation, a: Arrival, r: Recipient) -> None:
    """Put the run into the window at hand, or into the next one if that was closed."""
    how = r.target.how
    windows = map(milliseconds, how.windows) if isinstance(how, Digest) else ()
    at_once = ((d.now, d.now + later) for later in count())  # for clocks further apart than windows: never lost
    name = next(filter(None, (open_bundle(d, "digest", r, stretch) for stretch in chain(windows, at_once))))
    opened = d.edit(Bundle, name)
    opened.zone = zone_of(how)
    if not add_row(d, name, o.name) and (a.progress or a.phase_end):
        opened.held += 1
    d.count("accepted")
    d.count("digested")
    note(d, o.name, "digested", r.destination, r.address)


def zone_of(how: object) -> str:
    return how.zone if isinstance(how, Digest) else "UTC"


def keep_baseline(d: Draft, x: Delivery, baseline: Mapping[str, Any]) -> None:
    """Keep what the next digest compares itself with. One that is settled late does not replace a newer one."""
    past = d.edit(Baseline, of_address(x.destination, x.address))
    if past.end < baseline["to"]:
        last = baseline["last"]
        past.end, past.last = baseline["to"], last if isinstance(last, str) else to_json(last).decode()
    for day, (completed, failed) in baseline["days"].items():
        known = past.days.get(day, (0, 0))
        past.days[day] = known[0] + completed, known[1] + failed
    past.days = {day: counts for day, counts in past.days.items() if day >= baseline["oldest"]}


def _place_of(target: Target) -> Recipient:
    return Recipient(target, home_of(target), "")


def _name_of(target: Target, stretch: tuple[int, int]) -> str:
    return names.bundle(home_of(target), "digest", (target.destination, target.address), *stretch)
