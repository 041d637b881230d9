"""Bundles: runs that are shown together.

A bundle is one stretch of time at one address: a digest's window, quiet hours, a silence, the backlog of something
broken, failures of one cause, or new messages above the cap. All but the last have a delivery of the same name, made
with it and due at its end. The first hand-out closes it: nothing joins it any more, so every attempt shows the same,
and what comes later goes into the next one. Its name is made by `relay.engine.names.bundle`.
"""

from typing import Any

from pydantic_core import to_json

from relay.engine.arrival import Recipient
from relay.engine.deliveries import alarm_sent, create, forget, keep_doubt
from relay.engine.lanes import leave
from relay.engine.ledger import note, record_end
from relay.engine.names import of_address
from relay.engine.records import KEEP_BUNDLE, Baseline, Bundle, Delivery, Operation, rows
from relay.engine.state import Draft

REFRESHED = 5000  # rows that are brought up to date when it is closed: more than people read
# Of a summary, what a row shows; with the id, and what lasts as a fact.
SHOWN = (
    "status", "at", "retry", "percentage", "phase", "duration", "error", "rule", "variants", "anomalies", "records",
    "done_count", "failed_count", "name", "type", "priority", "path", "batch", "total", "started",
)  # fmt: skip
TENANT = ("platform", "tenant", "project")

Place = Recipient | Delivery  # where a bundle goes


def is_closed(d: Draft, name: str) -> bool:
    bundle = d.get(Bundle, name)
    return bundle is not None and bool(bundle.closed)


def open_bundle(d: Draft, name: str, kind: str, where: Place, start: int, end: int) -> None:  # noqa: PLR0917
    """Make a bundle with its delivery; one that is there already stays as it is."""
    describe(d, name, kind, where, start, end)
    keep(d, name, end)
    if d.get(Delivery, name) is None:
        form = "digest" if kind == "digest" else "roundup"
        # It is of the moment that it is due: a window of a week must neither date its mail nor use up its patience.
        create(d, Delivery(name, operation=name, destination=where.destination, channel=where.channel,
                           address=where.address, kind=form, event=form, lane=name, calls=where.calls, due=end,
                           created=end))  # fmt: skip


def describe(d: Draft, name: str, kind: str, where: Place, start: int, end: int) -> Bundle:  # noqa: PLR0917
    """Make or change a bundle without a delivery of its own; its start stays."""
    bundle = d.edit(Bundle, name)
    bundle.kind, bundle.calls, bundle.end = kind, where.calls, end
    bundle.destination, bundle.channel, bundle.address = where.destination, where.channel, where.address
    bundle.start = bundle.start or start
    return bundle


def keep(d: Draft, name: str, end: int) -> None:
    d.keep(rows(name), max(end - d.now, 0) + KEEP_BUNDLE)


def has_summary(o: Operation | None) -> bool:
    return o is not None and bool(o.summary)


def summary_of(o: Operation) -> dict[str, Any]:
    """Return the row of an operation: its newest state in a few words."""
    row = {"id": o.subject} | {name: _plain(o.summary[name]) for name in SHOWN if name in o.summary}
    return row | {name: o.facts[name] for name in TENANT if o.facts.get(name)}


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
        if has_summary(o):
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
