"""The delivery as its sender gets it, in one value: the events that it shows, its thread, and its earlier attempts."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

from relay.domain.deliveries import Delivery as HandedOut
from relay.domain.deliveries import DeliveryOptions, Kind, Trial, Wording
from relay.domain.digests import build_digest
from relay.domain.events import Event
from relay.domain.parsing import load
from relay.engine.causes import group_of
from relay.engine.deliveries import converges
from relay.engine.pauses import channel_scope, failed_probes, lane_of
from relay.engine.records import Body, Bundle, Delivery, Health, Operation, Thread, documents, rows
from relay.engine.state import Draft

# The kinds of deliveries that carry a bundle, and the kind of message each becomes; a rolling one is edited.
OF_BUNDLES: Mapping[str, Kind] = {"digest": "digest", "roundup": "roundup", "rolling": "roundup"}


class NothingLeft(LookupError):
    """The events that it is to show were forgotten."""


def delivery_of(d: Draft, x: Delivery) -> HandedOut:
    """Return a delivery as a sender gets it. Whatever this raises, but NotLoaded: it cannot be read."""
    thread = d.get(Thread, x.lane) or Thread(x.lane)
    o = d.get(Operation, x.operation) or Operation(x.operation)
    event, history = _events(d, x, o)
    grouped = "" if converges(x.kind) and thread.posted else group_of(x)
    healed = thread.healed if _heals(x, o, thread) else None
    wording: Wording = "healed" if healed else "also" if x.row else ""
    window = x.cause[0] / 1000 if grouped and x.cause else 0.0
    kind, created = OF_BUNDLES.get(x.kind, cast("Kind", x.kind)), datetime.fromtimestamp(x.created / 1000, UTC)
    return HandedOut(
        id=x.name, lease=x.ticket, destination=x.destination, channel=x.channel, address=x.address, kind=kind,
        event=event, history=history, thread=dict(thread.receipt), attempt=x.attempts + 1, created_at=created,
        unknown=x.unknowns > 0, lane=lane_of(x), options=_options(x), broadcast=x.kind == "reply" and x.loud,
        wording=wording, group=grouped, window=window, mishap=healed[2] if healed else "", trial=_trial(d, x),
        host=x.calls.get("own", ""),
    )  # fmt: skip


def bundle_event(d: Draft, bundle: Bundle) -> Event:
    """Return a bundle as an event of relay's own; it is received when it is due, so that its delay shows."""
    start, end, past = bundle.start / 1000, bundle.end / 1000, bundle.baseline
    summaries = d.table(rows(bundle.name))
    dates = [name[2:] for name in past if name.startswith(("c:", "f:"))]
    days = {date: (int(past.get(f"c:{date}", 0)), int(past.get(f"f:{date}", 0))) for date in dates}
    shown = [json.loads(summaries[name]) for name in sorted(summaries)]
    before = json.loads(past["last"]) if past.get("last") else None
    document = build_digest(bundle.kind or "digest", start, end, shown, zone=bundle.zone or "UTC", held=bundle.held,
                            before=before, days=days)  # fmt: skip
    when = datetime.fromtimestamp(end, UTC)
    return Event(bundle.name, document["event"], "relay", when, when, document=document)


def _events(d: Draft, x: Delivery, o: Operation) -> tuple[Event, tuple[Event, ...]]:
    """Return the event that it is about, and what is known of the operation up to there, oldest first."""
    if x.kind in OF_BUNDLES:
        return bundle_event(d, d.get(Bundle, x.lane) or Bundle(x.lane)), ()
    kept = [(o.seqs[name], text) for name, text in d.table(documents(o.name)).items() if name in o.seqs]
    # A live message shows the present.
    shown = [text for seq, text in sorted(kept) if x.kind == "live" or seq <= x.seq]
    body = d.get(Body, x.body) if x.body else None
    if not shown and not (body and body.text):
        raise NothingLeft(x.name)
    history = tuple(load(text) for text in shown)
    if body is None or not body.text:
        return history[-1], history
    return history[shown.index(body.text)] if body.text in shown else load(body.text), history


def _heals(x: Delivery, o: Operation, thread: Thread) -> bool:
    """Return whether it ends a run whose failure before was not sent."""
    if x.event != "operation.completed" or converges(x.kind) or thread.healed is None:
        return False
    return thread.healed[0] == o.run


def _options(x: Delivery) -> DeliveryOptions | None:
    options = x.calls.get("options")
    if options is None:
        return None
    mention = {moment: tuple(people) for moment, people in options.get("mention", {}).items()}
    return DeliveryOptions(**(options | {"mention": mention}))


def _trial(d: Draft, x: Delivery) -> Trial:
    """Return what its earlier attempts, and others in its channel, say about it (relay/policy/retry.py)."""
    scope = channel_scope(x)
    health = d.get(Health, scope) if x.failed or x.first_marked else None
    return Trial(
        failing=x.failing / 1000, faults=x.faults, failed=x.failed / 1000, doubted=x.first_marked / 1000,
        repeated=x.last_marked / 1000, probe=failed_probes(d, scope), works=health.works / 1000 if health else 0.0,
        deaf=health.unresponsive / 1000 if health else 0.0,
    )  # fmt: skip
