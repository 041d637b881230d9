"""What accept gets of an event: the plan that it decides by, and what is kept."""

from collections.abc import Sequence
from typing import Any

from relay.domain.completion import said
from relay.domain.deliveries import Target
from relay.domain.events import Event
from relay.domain.identity import fingerprint
from relay.domain.parsing import dump
from relay.domain.spaces import Space
from relay.domain.summaries import summarize
from relay.store.abroad import apart
from relay.store.keys import digest, operation
from relay.store.records import OVER, entry_of, packed_facts, to_json
from relay.store.run_plan import (
    ID,
    OUTCOMES,
    RANKS,
    as_stated,
    begun_at,
    progress_of,
    stated_retry,
    times_of,
    urgency_of,
)
from relay.store.target_plan import if_any, target_plan

# As accept.lua takes them: delivery digest, fact digest, operation, lanes with gates, whether it is plain, plan,
# facts, entry, body.
AcceptArguments = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]

UNSUCCESSFUL = frozenset({"Failed", "Timeout", "Cancelled"})


def accept_arguments(
    event: Event, targets: Sequence[Target], *, completes: bool = False, partitions: int = 1
) -> AcceptArguments:
    """The plan is all that accept decides by; the body is kept as it is and never looked into by Redis.

    Encoded here: what cannot be, fails its own event and not those that travel with it.
    """
    fact = fingerprint(event)
    name = operation(event.subject, event.space(event.subject))
    # Without the time: what failed half-way and is sent again makes the same deliveries.
    unique = digest("event", name, fact).hex()
    terminal = event.name in OUTCOMES
    plan: dict[str, Any] = {
        "name": event.name,
        "sender": _sender(event),
        "status": event.status,
        "at": int(event.occurred_at.timestamp() * 1000),
    }
    plan |= if_any(
        retry=event.retry,
        phase=event.phase_name,
        progress=event.name == "operation.progress",
        phase_end=event.name == "operation.phase.completed",
        urgent=terminal,
        urgency=urgency_of(event, terminal=terminal),
        targets=[target_plan(event, target, unique) for target in targets],
        event=unique if targets else "",
        about_batch=event.about_batch,
        action=dict(event.action),
        batch=operation(event.member_of) if event.batch_unheard and targets else "",
        says=said(event),
        completes=completes,
    )
    # Also where nobody is notified: a round-up that lists the run must not be behind.
    summary = {} if event.action else summarize(event)
    if event.original:
        plan |= {"own": operation(event.own_id, event.space(event.own_id)), "stated": stated_retry(event)}
    if event.operation and event.operation.status in UNSUCCESSFUL:
        plan["member"] = digest("member", event.own_id, str(stated_retry(event) + event.restarts)).hex()
    if event.operation and event.operation.estimate and not event.about_batch:
        plan["eta"] = int(event.operation.estimate.timestamp() * 1000)
    if terminal or event.name in RANKS:
        plan["rank"] = int(OVER) if terminal else RANKS[event.name]
    if event.watch:
        plan["watch"] = dict(event.watch)
        if event.watch.get("batch"):  # its message goes on to show what is done: the alarm stands below it
            del plan["rank"]
    elif event.name == "batch.operation.completed" and event.operation and event.operation.status != "Running":
        plan["over"] = [operation(event.own_id, event.space(event.own_id)), stated_retry(event)]
    if event.name == "batch.started":  # one of which members' ends alone are reported may never report its own
        plan["run"] = 1
    elif not event.watch and not event.about_batch and plan.get("rank", 2) < 2:
        plan |= {"run": 1} | times_of(event)
    plan |= begun_at(event) | progress_of(event) | as_stated(event) | _spaces(event)
    if partitions > 1:
        plan = apart(plan, name, partitions)
    producer = [event.producer] if event.producer else []
    whose = [space.dump()] if (space := Space.of_event(event)) != Space() else []
    sender_id = digest("delivery", event.source, event.id, *producer, *whose)[:ID] if event.id else b""
    gates = " ".join(target["lane"] for target in plan["targets"]) if plan.get("progress") and targets else ""
    plain = b"" if plan.keys() & {"says", "begun"} else b"1"
    ids = sender_id, digest("fact", fact)[:ID], name.encode()
    kept = packed_facts(event, summary), entry_of(summary).encode(), dump(event).encode()
    return *ids, gates.encode(), plain, to_json(plan).encode(), *kept


def size(arguments: AcceptArguments) -> int:
    return sum(len(argument) for argument in arguments)


def _spaces(event: Event) -> dict[str, Any]:
    """Of the ids that others had first, the plain name and the space in which this one is kept."""
    ids = dict.fromkeys((event.subject, event.subject if event.about_batch else event.own_id))
    spaces = [[operation(id_), event.space(id_)] for id_ in ids if event.space(id_)]
    return {"spaces": spaces, "apart": bool(event.space(event.subject))} if spaces else {}


def _sender(event: Event) -> str:
    """Whom it came from, for people; what relay fetched itself says so (relay/background/reconciliation.py)."""
    return f"{event.source} when asked" if event.document.get("reconciled") is True else event.source
