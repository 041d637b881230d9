"""Arguments of accept for an event: the plan that it decides by, and what is kept."""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic_core import to_json as to_bytes

from relay.domain.deliveries import Target
from relay.domain.digest_entries import summarize
from relay.domain.display import boundary
from relay.domain.events import PRIORITIES, Event
from relay.domain.facts import Space, facts, stated_fields
from relay.domain.identity import error_of, fingerprint, signature
from relay.domain.parsing import dump
from relay.store.keys import digest, operation, partition
from relay.store.records import entry_of, packed_facts, to_json
from relay.store.run_plan import ID, MAX_JOBS, OUTCOMES, end_plan, job_plan, ms, run_plan, stated_retry, urgency_of
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
    jobs: int = MAX_JOBS,
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
    # Also without targets: a round-up that lists the run must not be behind.
    summary = {} if event.action else summarize(event)
    plan |= run_plan(event, terminal=terminal)
    if terminal:
        plan |= end_plan(event, partitions, sealer, jobs)
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
    stored = packed_facts(event, stated_facts, summary, sealer), entry_of(summary, sealer), body
    return sender_id, fact_digest[:ID], name.encode(), gates, flags, _whole(plan, texts), *stored


def _seal_texts(plan: dict[str, Any], sealer: Sealer) -> None:
    """Seal the texts of the plan that scripts carry and never read."""
    if said_of := plan.get("said"):
        plan["said"] = sealer.seal_text(said_of, ERROR)
    action = plan.get("action", {})
    if pressed := action.get("pressed"):
        plan["action"] = {**action, "pressed": sealer.seal_text(pressed, PRESSED)}


def _whole(plan: dict[str, Any], targets: Sequence[bytes]) -> bytes:
    """Return the plan as JSON."""
    text = to_bytes(plan)
    return text[:-1] + b',"targets":[' + b",".join(targets) + b"]}" if targets else text


def size(arguments: AcceptArguments) -> int:
    return sum(map(len, arguments))


def _sender_id(event: Event) -> bytes:
    """Return the digest of the sender's id, its source, producer and space."""
    parts = ["delivery", event.source, event.id]
    if producer := event.producer:
        parts.append(producer)
    if event.platform or event.tenant or event.project:
        parts.append(Space.of_event(event).dump())
    return digest(*parts)[:ID]


def _spaces(event: Event) -> dict[str, Any]:
    """Return the plain names and spaces of the ids that others had first."""
    ids = dict.fromkeys((event.subject, event.subject if event.about_batch else event.own_id))
    spaces = [[operation(id_), event.space(id_)] for id_ in ids if event.space(id_)]
    return {"spaces": spaces, "apart": bool(event.space(event.subject))} if spaces else {}


def _sender(event: Event) -> str:
    """Return the sender for people; events that relay fetched itself say so (relay/background/reconciliation.py)."""
    return f"{event.source} when asked" if event.document.get("reconciled") is True else event.source


SAID = 200  # characters of an error that are kept for the message that it had healed


def failure_plan(event: Event, targets: Sequence[Target]) -> dict[str, str]:
    """Return {} for anything else. The cause: its gravity, the operation, and the signature of its error."""
    plan = {}
    if any(target.group for target in targets) and (cause := signature(error_of(event))):
        priority = event.operation.priority if event.operation else ""
        gravity = PRIORITIES.index(priority) if priority in PRIORITIES else PRIORITIES.index("Normal")
        plan["cause"] = f"{gravity} {_whose(event)} {cause}"
    if any(target.hold for target in targets):
        message = error_of(event).get("message")
        line = " ".join(message.split()) if isinstance(message, str) else ""
        plan["said"] = line[: boundary(line, min(len(line), SAID))].encode("utf-8", "replace").decode()
    return plan


def _whose(event: Event) -> str:
    """Return the operation's name, reported by itself or by its batch."""
    subject = event.own_id if event.about_batch else event.subject
    return operation(subject, event.space(subject))


def apart(plan: dict[str, Any], name: str, partitions: int) -> dict[str, Any]:
    """Return the plan with the partitions of all but targets that live elsewhere than this operation."""
    away = away_from(name, partitions)
    there: dict[str, Any] = {"home": f"{partition(name, partitions)}"}
    there |= if_any(spaces=[[own, space, *filter(None, [away(own)])] for own, space in plan.get("spaces", ())])
    there |= {"over": [*plan["over"], *filter(None, [away(plan["over"][0])])]} if "over" in plan else {}
    there |= {"batch": None} if away(plan.get("batch", name)) else {}  # what is known of it is not in this partition
    there |= {"own": None, "linked": True} if away(plan.get("own", name)) else {}  # `link` was first
    return {key: value for key, value in (plan | there).items() if value is not None}


def away_from(here: str, partitions: int) -> Callable[[str], str]:
    """Return the function that gives the partition of another name, '' where both live in one."""
    if partitions == 1:
        return lambda _: ""
    number = partition(here, partitions)
    return lambda other: "" if (its := partition(other, partitions)) == number else f"{its}"


def link(event: Event, partitions: int, sealer: Sealer | None = None) -> tuple[str, str, bytes] | None:
    """Return the link of a retry under a new id in another partition than its original: name, link (JSON), facts."""
    if not event.original:
        return None
    own, name = (operation(id_, event.space(id_)) for id_ in (event.own_id, event.subject))
    where, here = partition(own, partitions), partition(name, partitions)
    if where == here:
        return None
    stated = {
        "operation": name,
        "own": own,
        "retry": event.retry,
        "stated": stated_retry(event),
        "led_home": f"{here}",
    }
    space = event.space(event.own_id)
    return (
        own,
        to_json(stated | if_any(spaces=space and [[operation(event.own_id), space]])),
        packed_facts(event, facts(event), {}, sealer),
    )
