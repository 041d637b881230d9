"""What accept gets of an event: the plan that it decides by, and what is kept."""

from collections.abc import Sequence
from typing import Any

from pydantic_core import to_json

from relay.domain.deliveries import Target
from relay.domain.digest_entries import summarize
from relay.domain.events import Event
from relay.domain.facts import Space, facts, stated_fields
from relay.domain.identity import fingerprint
from relay.domain.parsing import dump
from relay.store.abroad import apart, away_from
from relay.store.ends import end_plan, job_plan
from relay.store.failure_plan import failure_plan
from relay.store.keys import digest, operation
from relay.store.records import entry_of, packed_facts
from relay.store.run_plan import ID, OUTCOMES, ms, run_plan, urgency_of
from relay.store.sealing import BODY, ERROR, PRESSED, Sealer
from relay.store.target_plan import if_any, target_plans

# As accept.lua takes them: delivery digest, fact digest, operation, lanes with gates, flags, plan, facts, entry, body.
AcceptArguments = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]


def accept_arguments(
    event: Event,
    targets: Sequence[Target],
    *,
    completes: bool = False,
    unasked: bool = False,
    partitions: int = 1,
    sealer: Sealer | None = None,
) -> AcceptArguments:
    """The plan is all that accept decides by; the body is kept as it is and never looked into by Redis.

    Encoded here: what cannot be, fails its own event and not those that travel with it.
    """
    fact, subject = fingerprint(event), event.subject
    name = operation(subject, event.space(subject))
    fact_digest, unique = digest("fact", fact), ""
    if targets:  # without the time: what failed half-way and is sent again makes the same deliveries
        unique = name[:ID] + fact_digest.hex()[ID:]
    terminal, progress = event.name in OUTCOMES, event.name == "operation.progress"
    plan: dict[str, Any] = {
        "name": event.name,
        "sender": _sender(event),
        "status": event.status,
        "at": ms(event.occurred_at),
    }
    said_of = stated_fields(event)
    plan |= if_any(
        retry=event.retry,
        phase=event.phase_name,
        progress=progress,
        undated=progress and not event.dated,
        phase_end=event.name == "operation.phase.completed",
        urgent=terminal,
        urgency=urgency_of(event, terminal=terminal),
        event=unique,
        about_batch=event.about_batch,
        action=event.action,
        batch=operation(event.member_of, event.space(event.member_of)) if event.batch_unheard and targets else "",
        says=said_of,
        completes=completes,
        **failure_plan(event, targets),
    )
    # Also where nobody is notified: a round-up that lists the run must not be behind.
    summary = {} if event.action else summarize(event)
    plan |= run_plan(event, terminal=terminal)
    if terminal:
        plan |= end_plan(event, partitions, sealer)
    elif event.job:
        plan |= job_plan(event, sealer)
    if event.spaces:
        plan |= _spaces(event)
    away = away_from(name, partitions)
    if partitions > 1:
        plan = apart(plan, name, partitions)
    lanes, texts = target_plans(event, targets, unique, away)
    sender_id = _sender_id(event) if event.id else b""
    gates = " ".join(lanes).encode() if progress else b""
    flags = b"" if said_of or "begun" in plan or "ends" in plan else b"plain"
    if unasked:
        flags += b"unasked"
    stated_facts = facts(event)
    body = dump(event, stated_facts)
    if sealer is not None:
        body = sealer.seal(body, BODY, name)
        _seal_texts(plan, sealer)
    kept = packed_facts(event, stated_facts, summary, sealer), entry_of(summary, sealer), body
    return sender_id, fact_digest[:ID], name.encode(), gates, flags, _whole(plan, texts), *kept


def _seal_texts(plan: dict[str, Any], sealer: Sealer) -> None:
    """What the plan says in words that scripts carry and never read."""
    if said_of := plan.get("said"):
        plan["said"] = sealer.seal_text(said_of, ERROR)
    action = plan.get("action", {})
    if pressed := action.get("pressed"):
        plan["action"] = {**action, "pressed": sealer.seal_text(pressed, PRESSED)}


def _whole(plan: dict[str, Any], targets: Sequence[bytes]) -> bytes:
    """As JSON."""
    text = to_json(plan)
    return text[:-1] + b',"targets":[' + b",".join(targets) + b"]}" if targets else text


def size(arguments: AcceptArguments) -> int:
    return sum(map(len, arguments))


def _sender_id(event: Event) -> bytes:
    """The sender's id as it is remembered: its own, and of whom it speaks."""
    parts = ["delivery", event.source, event.id]
    if producer := event.producer:
        parts.append(producer)
    if event.platform or event.tenant or event.project:
        parts.append(Space.of_event(event).dump())
    return digest(*parts)[:ID]


def _spaces(event: Event) -> dict[str, Any]:
    """Of the ids that others had first, the plain name and the space in which this one is kept."""
    ids = dict.fromkeys((event.subject, event.subject if event.about_batch else event.own_id))
    spaces = [[operation(id_), event.space(id_)] for id_ in ids if event.space(id_)]
    return {"spaces": spaces, "apart": bool(event.space(event.subject))} if spaces else {}


def _sender(event: Event) -> str:
    """Whom it came from, for people; what relay fetched itself says so (relay/background/reconciliation.py)."""
    return f"{event.source} when asked" if event.document.get("reconciled") is True else event.source
