"""What travels between Python and the scripts, and nothing of what it means."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from relay.deliveries import Accepted, Delivery, Limit, Target
from relay.errors import StoreUnavailable
from relay.events import Event, facts
from relay.parsing import dump, load
from relay.store.keys import digest, lane, operation

AcceptArguments = tuple[bytes, bytes, str, str]  # delivery digest, fact digest, plan, body

# An event's place in the life of its operation or batch; other names move nothing and are never late.
RANKS = {
    "operation.started": 0,
    "operation.progress": 1,
    "operation.phase.completed": 1,
    "batch.started": 0,
    "batch.operation.completed": 1,
}
OUTCOMES = frozenset({"operation.completed", "operation.failed", "operation.cancelled", "batch.completed"})
SILENT_OUTCOMES = frozenset({"Cancelled"})  # shown by the edit alone: nobody needs calling


def accept_arguments(event: Event, targets: Sequence[Target]) -> AcceptArguments:
    """The plan is all that accept decides by; the body is kept as it is and never looked into by Redis."""
    fact = event.fact
    unique = digest("event", fact, event.source, event.id, event.received_at.isoformat()).hex()
    terminal = event.name in OUTCOMES
    plan: dict[str, Any] = {
        "operation": operation(event.subject),
        "subject": event.subject,
        "event": unique,
        "name": event.name,
        "sender": event.source,
        "status": event.status,
        "retry": event.retry,
        "at": int(event.occurred_at.timestamp() * 1000),
        "phase": event.phase_name,
        "progress": event.name == "operation.progress",
        "phase_end": event.name == "operation.phase.completed",
        "urgent": terminal,
        "facts": facts(event),
        "targets": [_target(event, target, unique, terminal=terminal) for target in targets],
    }
    if terminal or event.name in RANKS:
        plan["rank"] = 2 if terminal else RANKS[event.name]
    if event.percentage is not None:
        plan["percentage"] = event.percentage
    if event.operation and event.operation.phases_completed is not None and not event.about_batch:
        plan["phases"] = event.operation.phases_completed
    sender_id = digest("delivery", event.source, event.id) if event.id else b""
    return sender_id, digest("fact", fact), _json(plan), dump(event)


def _target(event: Event, target: Target, unique: str, *, terminal: bool) -> dict[str, Any]:
    name = lane(event.subject, target.destination, target.address)
    return {
        "id": digest(unique, name).hex(),
        "lane": name,
        "destination": target.destination,
        "channel": target.channel,
        "address": target.address,
        "mode": target.mode,
        "gates": [[gate.increment, gate.interval * 1000] for gate in target.gates],
        "phase_passes": target.mode == "live",
        "post_after": target.post_after * 1000,
        "min_interval": target.min_interval * 1000,
        "reply": terminal and event.status not in SILENT_OUTCOMES,
        "limits": _json({"new": _limits(target.new_limits), "edit": _limits(target.edit_limits)}),
    }


def _limits(limits: Sequence[Limit]) -> list[list[Any]]:
    return [[limit.name, limit.period * 1000, limit.burst] for limit in limits]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def size(arguments: AcceptArguments) -> int:
    return len(arguments[2]) + len(arguments[3])


def accepted(answer: Sequence[Any]) -> Accepted | Exception:
    status, rest = answer[0].decode(), answer[1:]
    if status == "error":
        return StoreUnavailable(f"Redis refused: {rest[0].decode(errors='replace')}")
    pairs = [item.decode() for item in rest[1:]]
    return Accepted(status, int(rest[0]), tuple(zip(pairs[::2], pairs[1::2], strict=True)))


def delivery(row: Sequence[Any]) -> Delivery:
    """One claimed delivery, from the flat array that claim.lua answers."""
    texts = [item.decode() for item in row[:6]]
    name, lease, destination, channel, address, kind = texts
    attempts, unknowns, created = (int(item) for item in row[6:9])
    history = tuple(load(body) for body in row[10])
    event = load(row[9]) if row[9] else history[-1] if history else None
    if event is None:
        raise LookupError(name)
    thread = [item.decode() for item in row[11]]
    return Delivery(
        id=name,
        lease=lease,
        destination=destination,
        channel=channel,
        address=address,
        kind=kind,
        event=event,
        history=history,
        thread=dict(zip(thread[::2], thread[1::2], strict=True)),
        attempt=attempts + 1,
        created_at=datetime.fromtimestamp(created / 1000, UTC),
        unknown=unknowns > 0,
    )
