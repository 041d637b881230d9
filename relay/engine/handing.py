"""The delivery as its sender gets it, in one value: the events that it shows, its thread, and its earlier attempts."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import cast

from relay.domain.deliveries import Delivery as HandedOut
from relay.domain.deliveries import DeliveryOptions, Kind, Trial, Wording
from relay.domain.digests import build_digest
from relay.domain.events import FAILED, Event
from relay.domain.parsing import load
from relay.engine.bodies import text_of
from relay.engine.causes import group_of
from relay.engine.deliveries import converges
from relay.engine.draft import Draft
from relay.engine.health import Health
from relay.engine.lanes import BUNDLED
from relay.engine.pauses import channel_scope, failed_probes, lane_of
from relay.engine.records import (
    DAY,
    MISSING,
    STALLED,
    TERMINAL,
    Bundle,
    Delivery,
    Operation,
    Thread,
    documents,
    rows,
)

# The kinds of deliveries that carry a bundle, and the kind of message each becomes; a rolling one is edited.
OF_BUNDLES: Mapping[str, Kind] = {"digest": "digest", "roundup": "roundup", "rolling": "roundup"}
PASSING = frozenset({"operation.progress", "operation.stalled", "operation.recovered"})  # until the run has ended


class NothingLeft(LookupError):
    """The events that it is to show were forgotten."""


def delivery_of(d: Draft, x: Delivery) -> HandedOut:
    """Return a delivery as a sender gets it. Whatever this raises, but NotLoaded: it cannot be read."""
    thread = d.look(Thread, x.lane)
    o = d.look(Operation, x.operation)
    event, history = _events(d, x, o)
    edit = converges(x.kind) and thread.posted > 0
    grouped = group_of(x, edit=edit)
    healed = thread.healed if _heals(x, o, thread) else None
    wording: Wording = "healed" if healed else "also" if x.row else ""
    window = x.cause[0] / 1000 if x.cause and not edit else 0.0
    people = d.look(Bundle, x.lane).people if x.kind == "roundup" else ()
    taken = dict(o.taken) if x.kind == "live" else {}
    alike = thread.alike[1] if x.kind == "live" and thread.alike[0] == (o.run or 0) else 0
    alone = x.kind == "live" and not 0 < (thread.posted or 0) < event.received_at.timestamp() * 1000
    kind, created = OF_BUNDLES.get(x.kind, cast("Kind", x.kind)), datetime.fromtimestamp(x.created / 1000, UTC)
    return HandedOut(
        id=x.name, ticket=x.ticket, destination=x.destination, channel=x.channel, address=x.address, kind=kind,
        event=event, history=history, thread=dict(thread.receipt), attempt=x.attempts + 1, created_at=created,
        unknown=x.unknowns > 0, lane=lane_of(x), options=_options(x), broadcast=x.kind == "reply" and x.loud,
        wording=wording, group=grouped, window=window, mishap=healed[2] if healed else "", trial=_trial(d, x),
        host=x.calls.get("own", ""), taken=taken, alike=alike, alone=alone, waited=x.escalated / 1000,
        people=tuple(people),
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
        return bundle_event(d, d.look(Bundle, x.lane)), ()
    kept = [(o.seqs[name], text) for name, text in d.table(documents(o.name)).items() if name in o.seqs]
    # A live message shows the present.
    shown = [text for seq, text in sorted(kept) if x.kind == "live" or seq <= x.seq]
    own = text_of(d, x)
    if not (own if x.body else shown):
        raise NothingLeft(x.name)
    history = tuple(load(text) for text in shown)
    if not own:
        return history[-1], history
    return history[shown.index(own)] if own in shown else load(own), history


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
    return DeliveryOptions(**(options | {"mention": mention, "owners": tuple(options.get("owners", ()))}))


def _trial(d: Draft, x: Delivery) -> Trial:
    """Return what its earlier attempts, and others in its channel, say about it (relay/policy/retry.py)."""
    scope = channel_scope(x)
    health = d.look(Health, scope) if x.failed or x.first_marked else Health(scope)
    return Trial(
        failing=x.failing / 1000, faults=x.faults, failed=x.failed / 1000, doubted=x.first_marked / 1000,
        repeated=x.last_marked / 1000, probe=failed_probes(d, scope), works=health.works / 1000,
        deaf=health.unresponsive / 1000,
    )  # fmt: skip


def obsolete(d: Draft, x: Delivery, thread: Thread) -> str:
    """Return why it need not be sent any more; '' if it must."""
    if converges(x.kind) and thread.waiting not in ("", x.name):
        return "newer state"
    if x.kind in BUNDLED or (x.kind == "rolling" and not thread.posted):
        bundle = d.get(Bundle, x.lane)
        if bundle and bundle.people and not _is_urgent(d, x):
            return "answered"
        return "" if (bundle and bundle.send_empty) or d.table(rows(x.lane)) else "nothing to tell"
    o = d.look(Operation, x.operation)
    if x.escalated and x.name not in o.escalations:
        return "answered"
    if x.kind == "reply" and _is_covered(d, x, thread, o):
        return "covered_by_root"
    if not converges(x.kind) and x.event in PASSING:
        return _passed(d, x, o)
    return ""


def _is_urgent(d: Draft, x: Delivery) -> bool:
    """Return whether a failure that a call names lasts, and is not taken; of a batch that is not known."""
    shown = [d.look(Operation, name) for name in d.table(rows(x.lane))]
    return any(o.summary.get("batch") or (o.status in FAILED and not o.taken) for o in shown)


def _is_covered(d: Draft, x: Delivery, thread: Thread, o: Operation) -> bool:
    """Return whether the message above it shows as much.

    In a batch's thread that is not about its members; and an outcome of an earlier run is no part of this one's.
    """
    shown = -1 if thread.posted_seq is None else thread.posted_seq
    if x.alone or (thread.posted_of or x.operation) != x.operation:
        return False
    # A thread lives on with each message, its operation with each event: where that was forgotten, it counts anew.
    outlived = (o.first or 0) - (thread.posted or d.now) > DAY
    return x.seq <= shown and (x.ended is None or shown <= x.ended) and not outlived


def _passed(d: Draft, x: Delivery, o: Operation) -> str:
    if o.rank == TERMINAL and o.seq > x.seq:
        return "the run is over"
    if x.event == "operation.stalled" and not _is_stalled(d, o):
        return "it goes on again"
    if x.raised and o.alarms_sent.get(x.lane, 0) < x.raised:
        return "its alarm was not delivered"
    return ""


def _is_stalled(d: Draft, o: Operation) -> bool:
    return not o.alarms or d.score(STALLED, o.name) is not None or d.field(MISSING, o.name) is not None
