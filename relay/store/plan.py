"""Serialises arguments and replies of the Lua scripts."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, cast

from relay.domain.completion import said
from relay.domain.deliveries import Accepted, Delivery, DeliveryOptions, Digest, Each, Kind, Limit, Live, Target, Window
from relay.domain.events import Event
from relay.domain.facts import facts
from relay.domain.identity import fingerprint
from relay.domain.parsing import dump, load
from relay.domain.run_numbers import begun
from relay.domain.spaces import Space
from relay.domain.summaries import digest_baseline, summarize
from relay.store.client import refusal
from relay.store.keys import at_home, digest, home, lane, operation, partition
from relay.store.packing import pack
from relay.store.records import PACKED, documents_of, values_of

# As accept.lua takes them: delivery digest, fact digest, operation, lanes with gates, whether it is plain, plan,
# facts, entry, body.
AcceptArguments = tuple[bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes, bytes]

# An event's place in the life of its operation or batch; other names move nothing and are never late.
RANKS = {
    "operation.started": 0,
    "operation.progress": 1,
    "operation.phase.completed": 1,
    "operation.stalled": 1,
    "operation.recovered": 1,
    "batch.started": 0,
    "batch.operation.completed": 1,
}
OVER = "2"  # the rank of an outcome
OUTCOMES = frozenset({"operation.completed", "operation.failed", "operation.cancelled", "batch.completed"})
UNSUCCESSFUL = frozenset({"Failed", "Timeout", "Cancelled"})
# The kinds of deliveries that carry a bundle, and the kind of message each becomes. A rolling one is a round-up that is
# edited.
BUNDLE_KINDS: Mapping[str, Kind] = {"digest": "digest", "roundup": "roundup", "rolling": "roundup"}
KEPT_DAYS = 9
# What a summary says beside what lasts, in the order of scripts/include/bundles.lua.
ENTRY = ("status", "at", "retry", "percentage", "phase", "duration", "error", "rule", "variants", "anomalies",
         "records", "done_count", "failed_count")  # fmt: skip
_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # made once: it is called with every event
STATED, LASTING = (
    [name.removeprefix(kind) for name in PACKED["facts"] if name.startswith(kind)] for kind in ("fact:", "entry:")
)
_PACKED_FACTS = lru_cache(maxsize=4096)(pack)  # the same in every event of a run; each place has one type
ID = 8  # bytes by which an operation remembers a fact or a sender's id


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
    plan |= _if_any(
        retry=event.retry,
        phase=event.phase_name,
        progress=event.name == "operation.progress",
        phase_end=event.name == "operation.phase.completed",
        urgent=terminal,
        urgency=_urgency(event, terminal=terminal),
        targets=[_target(event, target, unique) for target in targets],
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
        plan |= {"own": operation(event.own_id, event.space(event.own_id)), "stated": _stated_retry(event)}
    if event.operation and event.operation.status in UNSUCCESSFUL:
        plan["member"] = digest("member", event.own_id, str(_stated_retry(event) + event.restarts)).hex()
    if event.operation and event.operation.estimate and not event.about_batch:
        plan["eta"] = int(event.operation.estimate.timestamp() * 1000)
    if terminal or event.name in RANKS:
        plan["rank"] = int(OVER) if terminal else RANKS[event.name]
    if event.watch:
        plan["watch"] = dict(event.watch)
        if event.watch.get("batch"):  # its message goes on to show what is done: the alarm stands below it
            del plan["rank"]
    elif event.name == "batch.operation.completed" and event.operation and event.operation.status != "Running":
        plan["over"] = [operation(event.own_id, event.space(event.own_id)), _stated_retry(event)]
    if event.name == "batch.started":  # one of which members' ends alone are reported may never report its own
        plan["run"] = 1
    elif not event.watch and not event.about_batch and plan.get("rank", 2) < 2:
        plan |= {"run": 1} | _times(event)
    plan |= _begun(event) | _progress(event) | _as_stated(event) | _spaces(event)
    if partitions > 1:
        plan = _apart(plan, name, partitions)
    producer = [event.producer] if event.producer else []
    whose = [space.dump()] if (space := Space.of_event(event)) != Space() else []
    sender_id = digest("delivery", event.source, event.id, *producer, *whose)[:ID] if event.id else b""
    gates = " ".join(target["lane"] for target in plan["targets"]) if plan.get("progress") and targets else ""
    plain = b"" if plan.keys() & {"says", "begun"} else b"1"
    ids = sender_id, digest("fact", fact)[:ID], name.encode()
    kept = _facts(event, summary), _entry(summary).encode(), dump(event).encode()
    return *ids, gates.encode(), plain, _json(plan).encode(), *kept


def _apart(plan: dict[str, Any], name: str, partitions: int) -> dict[str, Any]:
    """With the partitions of all that does not live where the operation of this name does (include/abroad.lua)."""
    here = partition(name, partitions)

    def away(other: str) -> str:
        return "" if (number := partition(other, partitions)) == here else f"{number}"

    apart: dict[str, Any] = {"home": f"{here}"}
    apart["targets"] = [target | _if_any(away=away(target["lane"])) for target in plan.get("targets", ())]
    apart |= _if_any(spaces=[[own, space, *filter(None, [away(own)])] for own, space in plan.get("spaces", ())])
    apart |= {"over": [*plan["over"], *filter(None, [away(plan["over"][0])])]} if "over" in plan else {}
    apart |= {"batch": None} if away(plan.get("batch", name)) else {}  # what is known of it is not in this partition
    apart |= {"own": None, "linked": True} if away(plan.get("own", name)) else {}  # `link` was first
    return {key: value for key, value in (plan | apart).items() if value not in (None, [])}


def link(event: Event, partitions: int) -> tuple[str, str, bytes] | None:
    """Of a retry under a new id that lives apart from its original: the name, what it is (JSON), and its facts."""
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
        "stated": _stated_retry(event),
        "led_home": f"{here}",
    }
    space = event.space(event.own_id)
    return own, _json(stated | _if_any(spaces=space and [[operation(event.own_id), space]])), _facts(event, {})


def _spaces(event: Event) -> dict[str, Any]:
    """Of the ids that others had first, the plain name and the space in which this one is kept."""
    ids = dict.fromkeys((event.subject, event.subject if event.about_batch else event.own_id))
    spaces = [[operation(id_), event.space(id_)] for id_ in ids if event.space(id_)]
    return {"spaces": spaces, "apart": bool(event.space(event.subject))} if spaces else {}


def _facts(event: Event, summary: Mapping[str, Any]) -> bytes:
    """What it states that lasts, as the scripts keep it; of the summary True stands for what a fact says as well."""
    stated = facts(event)
    if event.original:  # facts of the new id, not of the original
        del stated["original"], stated["retry"]
    if event.restarts and not event.about_batch:
        stated["restarts"] = f"{event.restarts}"
    lasting = [summary.get(name) for name in LASTING]
    same = [
        True if value and value == stated.get(name) else value for name, value in zip(LASTING, lasting, strict=True)
    ]
    row = [event.subject, *map(stated.get, STATED), None, *same]  # the last but `same` is where its run is led
    while row[-1] is None:
        row.pop()
    return _PACKED_FACTS(tuple(row))


def _entry(summary: Mapping[str, Any]) -> str:
    """The rest of the summary: the number of the run, which of the values there are, and these."""
    if not summary:
        return ""
    marks = sum(1 << bit for bit, name in enumerate(ENTRY) if name in summary)
    values = [summary.get(name, False) for name in ENTRY[: marks.bit_length()]]
    return f"{summary['retry']} {marks} {_json(values)}"


def _begun(event: Event) -> dict[str, int]:
    """When the run began that a start tells of (ms). A retry under a new id is counted by its original."""
    moment = None if event.original else begun(event)
    return {"begun": int(moment.timestamp() * 1000)} if moment else {}


def _as_stated(event: Event) -> dict[str, str]:
    """The fact as the document alone says it, where only the time of receipt decided of which run it is: what is sent
    again is received again, and a run may have begun in between."""
    stated = _stated_retry(event)
    if event.dated or event.about_batch or not event.operation or event.retry == stated:
        return {}
    alone = replace(event, operation=replace(event.operation, retry=stated))
    return {"as_stated": digest("fact", fingerprint(alone))[:ID].hex()}


def _progress(event: Event) -> dict[str, float]:
    """How far it is, as far as it is stated."""
    done = event.operation.phases_completed if event.operation and not event.about_batch else None
    progress = {"percentage": event.percentage, "phases": done}
    return {key: value for key, value in progress.items() if value is not None}


def _sender(event: Event) -> str:
    """Whom it came from, for people; what relay fetched itself says so (relay/background/reconciliation.py)."""
    return f"{event.source} when asked" if event.document.get("reconciled") is True else event.source


def _urgency(event: Event, *, terminal: bool) -> str:
    """Its place among what is due (`URGENCIES` in scripts/include/queues.lua)."""
    if terminal:
        return "1"
    if event.name == "operation.stalled":
        return "2"
    return "3" if str(event.phase.get("status") or event.phase.get("phaseStatus")) in ("Failed", "Error") else ""


def _times(event: Event) -> dict[str, int]:
    """What the watchdog measures a run by, as far as it is stated: start, estimate and deadline (ms)."""
    operation = event.operation
    times = {key: getattr(operation, key, None) for key in ("started", "estimate", "deadline")}
    return {key: int(moment.timestamp() * 1000) for key, moment in times.items() if moment}


def _stated_retry(event: Event) -> int:
    """The number that the document itself gives, whatever run of the original it turned out to be."""
    documents = (event.operation.document if event.operation else {}, event.document)
    numbers = [document.get("retryNumber") for document in documents]
    return next((number for number in numbers if isinstance(number, int) and 0 <= number < 1_000_000), 0)


def _target(event: Event, target: Target, unique: str) -> dict[str, Any]:
    where = home_of(target)
    name = lane(where, event.subject, target.destination, target.address, event.space(event.subject))
    presentation = target.presentation
    return {
        **_if_any(
            held=target.hold_reason,
            loud=presentation.broadcast,
            batch_lane=event.member_of
            and lane(where, event.member_of, target.destination, target.address, event.space(event.member_of)),
        ),
        "id": at_home(where, digest(unique, name).hex()),
        "lane": name,
        "destination": target.destination,
        "channel": target.channel,
        "address": target.address,
        "root": presentation.new_message,
        "reply": presentation.thread_reply,
        "batch_reply": presentation.batch_reply,
        "limits": limits_of(target),
        **_how(target.how),
    }


def home_of(target: Target) -> str:
    """The home of what is sent to this target."""
    return home(target.channel, "" if target.limits.together else target.address)


def _how(how: Each | Live | Digest) -> dict[str, Any]:
    plan = {"live": isinstance(how, Live), "gates": (), "post_after": 0.0, "min_interval": 0.0}
    if isinstance(how, Digest):
        return plan | _if_any(windows=[_ms(window) for window in how.windows], zone=how.zone if how.windows else "")
    plan["gates"] = [[gate.increment, gate.interval * 1000] for gate in how.gates]
    plan |= _if_any(quiet=how.quiet_window and _ms(how.quiet_window), passes=how.bypass_quiet_hours)
    if isinstance(how, Live):
        plan |= {"post_after": how.post_after * 1000, "min_interval": how.min_interval * 1000}
        plan |= _if_any(beside=how.update_only)
    return plan


def _if_any(**optional: object) -> dict[str, object]:
    """What scripts take as absent where it is empty."""
    return {key: value for key, value in optional.items() if value}


def _ms(window: Window) -> list[int]:
    return [round(window.start * 1000), round(window.end * 1000)]


def quiet_hours(windows: Mapping[str, Window]) -> str:
    """The quiet hours at hand by destination, as claim takes them."""
    return _json({name: _ms(window) for name, window in windows.items()})


def digest_baseline_of(document: Mapping[str, Any]) -> dict[str, Any]:
    """What settling a digest keeps for the next one."""
    baseline = digest_baseline(document)
    end = datetime.fromisoformat(document["to"])
    oldest = (end - timedelta(days=KEPT_DAYS)).date().isoformat()
    return {
        "last": _json(baseline["last"]),
        "days": baseline["days"],
        "to": int(end.timestamp() * 1000),
        "oldest": oldest,
    }


def limits_of(target: Target) -> str:
    """The limits of an address and the options of its destination, as deliveries carry them."""
    limits = target.limits
    cap = {"cap": [limits.new_message_cap[0], limits.new_message_cap[1] * 1000]} if limits.new_message_cap else {}
    own = _if_any(own=limits.own_credential)
    return _json({"new": _limits(limits.new), "edit": _limits(limits.edit), **cap, **own, **_delivery_options(target)})


def _delivery_options(target: Target) -> dict[str, Any]:
    return {"options": _if_any(**asdict(target.options))} if target.options else {}


def _delivery_options_of(limits: bytes) -> DeliveryOptions | None:
    """What `limits_of` wrote; None where an older relay made the delivery."""
    options = json.loads(limits).get("options")
    if options is None:
        return None
    mention = {moment: tuple(names) for moment, names in options.get("mention", {}).items()}
    return DeliveryOptions(options.get("language", ""), options.get("timezone", ""), mention, options.get("retry", {}))


def _limits(limits: Sequence[Limit]) -> list[list[Any]]:
    return [[limit.name, limit.period * 1000, limit.burst, limit.reserve] for limit in limits]


def size(arguments: AcceptArguments) -> int:
    return sum(len(argument) for argument in arguments)


def accepted(answer: Sequence[Any]) -> Accepted | Exception:
    (status, _, reused), rest = answer[0].decode().partition(" "), answer[1:]
    if status == "error":
        return refusal(rest[0].decode(errors="replace"), "accept")
    deliveries, posted, *pairs = rest
    held = tuple(zip(*[(item.decode() for item in pairs)] * 2, strict=True))
    return Accepted(status, int(deliveries), held, bool(reused), _letters(posted.split()))


def _letters(words: Sequence[bytes]) -> tuple[tuple[int, bytes], ...]:
    return tuple((int(home), number) for home, number in zip(words[::2], words[1::2], strict=True))


def bundle_of(row: Sequence[Any]) -> str:
    """The id of the bundle that a claimed delivery carries; '' for one of an event."""
    return row[12].decode() if row[5].decode() in BUNDLE_KINDS else ""


def operation_of(row: Sequence[Any]) -> str:
    """Of a claimed delivery whose operation lives in another partition: its name; '' for all others."""
    return str(row[14].decode())


def is_behind(row: Sequence[Any], fields: Mapping[bytes, bytes]) -> bool:
    """Whether more has become of the run than the partition of a live message had heard: a new run, or its end."""
    run, rank = _course(fields)
    heard = int(row[16] or -1)
    return bool(row[5] == b"live") and (run > heard or (run == heard and rank == int(OVER) != row[17]))


def has_heard(row: Sequence[Any], fields: Mapping[bytes, bytes]) -> bool:
    """Whether that partition has heard of more since the delivery was claimed, given what it knows of the operation."""
    return _course(fields) != (int(row[16] or -1), row[17])


def _course(fields: Mapping[bytes, bytes]) -> tuple[int, int]:
    """The number of the run, and its rank; -1 where nothing is known."""
    state = values_of("state", fields.get(b"state"))
    return int(state.get("retry", -1)), int(state.get("rank", -1))


def documents(row: Sequence[Any], fields: Mapping[bytes, bytes]) -> list[bytes]:
    """What a claimed delivery is made from, oldest first: the newest event of each name in the operation's record."""
    return documents_of(fields, int(row[15]) if row[15] else None)  # of a live message: all


def delivery(row: Sequence[Any], bundle: Event | None = None) -> Delivery:
    """One claimed delivery, from the flat array that claim.lua answers. `bundle` is what its bundle holds."""
    texts = [item.decode() for item in row[:6]]
    name, lease, destination, channel, address, kind = texts
    attempts, unknowns, created = (int(item) for item in row[6:9])
    history = tuple(load(body) for body in row[10])
    event = bundle or (load(row[9]) if row[9] else history[-1] if history else None)
    if event is None:
        raise LookupError(name)
    thread = [item.decode() for item in row[11]]
    return Delivery(
        id=name,
        lease=lease,
        destination=destination,
        channel=channel,
        address=address,
        kind=BUNDLE_KINDS.get(kind, cast("Kind", kind)),
        event=event,
        history=history,
        thread=dict(zip(thread[::2], thread[1::2], strict=True)),
        attempt=attempts + 1,
        created_at=datetime.fromtimestamp(created / 1000, UTC),
        unknown=unknowns > 0,
        lane=row[12].decode(),
        options=_delivery_options_of(row[13]),
    )
