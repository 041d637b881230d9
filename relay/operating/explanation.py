"""A decision as facts: rules with their reasons, recipients, and what may hold a message back."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from relay.config import Config
from relay.configfile.units import spoken
from relay.configfile.words import suggest
from relay.domain.deliveries import Digest, Gate, Live, Presentation, Target
from relay.domain.documents import decode, decode_any, mapping
from relay.domain.events import Event
from relay.domain.identity import KNOWN_EVENTS, error_of, signature
from relay.errors import NotJson, OutOfTime, RelayError
from relay.operating.accounts import accounts, events_of
from relay.policy.destinations import zone_at
from relay.policy.matching import Trace
from relay.policy.recipients import DeniedRecipient, unheard
from relay.policy.targets import Targets
from relay.reasons import Held, sentences
from relay.receiving.configured_source import check_age
from relay.receiving.reading import OF_FORMAT, first, readers
from relay.receiving.schemes import SCHEMES
from relay.receiving.sources import Source

NO_HEADERS: Mapping[str, str] = {}
SILENT = "the source {0} names nobody (sources.{0}.may_name_recipients)"
# The possible holds of a message, as sentences.
HOLDS: Mapping[str, str] = {
    **sentences(Held),
    "digest": "included in the digest at %(time)s",
    "quiet": "quiet hours: what would be a new message is told together at %(time)s",
    "gates": "progress waits for its rule (%(gates)s) since the last that was told here; 100 %% always passes",
    "requests": "at most %(count)s in %(time)s that runs ask for; what is above that is told together at the end",
    "failure": "a failure: nobody is notified for %(time)s, in case its run is started again",
    "alike": "if another run failed with this error in the %(time)s before, both are grouped: it is told below that",
    "no_state": "no state of the run: told at once, beside the live message",
    "skipped": "it did nothing: no message is begun for it, only one that stands is kept up to date",
    "low": "its priority is Low: no message is begun for it, only one that stands is kept up to date",
    "in_thread": "if batch %(batch)s has a message here, it is told in its thread",
    "by_edits": "if batch %(batch)s has a message here, it is told by its edits alone",
    "outcome": "an outcome: told at once",
    "first": "the first message waits %(time)s after the run's first event",
    "edits": "edits keep %(time)s apart; meanwhile a newer state replaces an older one",
}


def explanation_of(
    event: Event,
    config: Config,
    channels: Mapping[str, Any],
    *,
    ignored: Sequence[DeniedRecipient] = (),
    limits: Sequence[str] = (),
) -> dict[str, Any]:
    """Return event, rules and destinations as plain data. `ignored`: recipients that the source may not name."""
    targets = Targets(config, channels)
    requested = targets.requested(event)
    destinations = []
    for recipient in targets.recipients(event, requested):
        destination = recipient.destination
        zone = zone_at(destination, config.destination_defaults)
        destinations.append({
            "destination": destination.name, "channel": destination.channel, "mode": destination.mode,
            "addresses": [*destination.addresses], "rules": recipient.reached.rules,
            "holds": [*holds(event, targets.at(recipient, event)[0], zone)],
        })  # fmt: skip
    rules = [_rule(trace) for trace in targets.matcher.traces(event)]
    refused = [asdict(denied) for denied in (*requested.denied, *ignored)]
    return {"event": _stated(event), "rules": rules, "destinations": destinations, "refused": refused,
            "limits": [*limits]}  # fmt: skip


def explanation_of_body(
    body: bytes, config: Config, channels: Mapping[str, Any], source: str, now: datetime, *,
    headers: Mapping[str, str] = NO_HEADERS,
) -> dict[str, Any]:  # fmt: skip
    """Explain a body from this source; `format` is what its format makes of it. NotJson, InvalidEvent or NotPermitted
    if it is no event, but for what the format itself ignores or refuses: then there is no event.
    """
    sender, reader = config.sources[source], readers(config.sources)[source]
    kept = {f"{OF_FORMAT}{name}": text for name, text in headers.items()}
    read = accounts(reader, reader.form, body, kept, now.timestamp()) if reader.form else []
    if read and not any(row.document for row in read):
        if not _is_own(body):
            refused = any(row.refused for row in read)
            return {"format": [*map(asdict, read)], "event": None, "rules": [], "destinations": [], "refused": [],
                    "limits": _whereabouts(body, config, source, headers, refused=refused)}  # fmt: skip
        read, reader = [], replace(reader, form=None)
    permissions, events = reader.permissions, events_of(reader, body, kept, now.timestamp())
    event = first(events)
    whole = first(events_of(replace(reader, permissions=None), body, kept, now.timestamp())) if permissions else event
    ignored = unheard(whole, SILENT.format(source)) if permissions and not permissions.recipients else ()
    limits = [*(permissions.limits if permissions else ()), *_too_old(whole, sender)]
    limits += [f"the body has {len(events)} events; this is the first"] if len(events) > 1 else []
    explanation = explanation_of(event, config, channels, ignored=ignored, limits=limits)
    return {"format": [*map(asdict, read)], **explanation}


def _whereabouts(body: bytes, config: Config, source: str, headers: Mapping[str, str], *, refused: bool) -> list[str]:
    """Say what becomes of a body that is no event of its source, and which other sources' formats read it."""
    kept = "its last bodies have it for a week"
    kept = kept if config.sources[source].keeps_bodies else "it is kept nowhere"
    answer = "422: the quarantine keeps it (relay dead list)" if refused else f"202 ignored: {kept}"
    with contextlib.suppress(NotJson):
        document, others = decode_any(body), config.sources.items()
        reading = [name for name, its in others if its.reader
                   and any(row.document for row in its.reader.readings(document, headers=headers))]  # fmt: skip
        return [f"answered {answer}", *(f"the format of {name} reads it: --source {name}" for name in reading)]
    return [f"answered {answer}"]


def _is_own(body: bytes) -> bool:
    """Return whether it is relay's own document, as a dead letter shows it, whoever sent the body."""
    with contextlib.suppress(NotJson):
        document = decode(body)
        return "operationId" in mapping(document.get("operation")) or "batchId" in mapping(document.get("batch"))
    return False


def _too_old(event: Event, sender: Source) -> Iterator[str]:
    """Yield why the source's `max_age` refuses the event, if it does."""
    try:
        if sender.max_age and not SCHEMES[sender.signature.scheme].dated:
            check_age(event, timedelta(seconds=sender.max_age))
    except OutOfTime as error:
        yield f"refused as it is: {error}"


def source_named(config: Config, name: str | None) -> str:
    """Return the source of this name; without one the first that fixes no event. RelayError if there is none."""
    if name is None:
        own = (key for key, source in config.sources.items() if not source.event and not source.format)
        return next(own, next(iter(config.sources)))
    if name not in config.sources:
        raise RelayError(f"there is no source {name}; {suggest(name, config.sources)}")
    return name


def _rule(trace: Trace) -> dict[str, Any]:
    """Return it as plain data: `asdict` takes ten times as long, and there may be many rules."""
    conditions = tuple(
        [{"name": row.name, "wanted": row.wanted, "actual": row.actual, "holds": row.holds} for row in trace.conditions]
    )
    return {"rule": trace.rule, "conditions": conditions, "notify": trace.notify, "matches": trace.matches}


def holds(event: Event, target: Target, zone: str) -> Iterator[str]:
    """Yield the possible holds of a message at this address; earlier messages are not known here."""
    how = target.how
    if target.hold_reason:
        yield HOLDS[target.hold_reason]
        return
    if isinstance(how, Digest):
        yield _held("digest", time=_local(how.windows[0].end, zone))
        return
    if how.quiet_window and not how.bypass_quiet_hours:
        yield _held("quiet", time=_local(how.quiet_window.end, zone))
    if event.name == "operation.progress" and how.gates:
        yield _held("gates", gates=" / ".join(map(_keys, how.gates)))
    if isinstance(how, Live):
        yield from _live_holds(event, target.presentation, how)
    if limit := target.limits.requested:
        yield _held("requests", count=f"{limit.count}", time=spoken(limit.per))
    if target.hold:
        yield _held("failure", time=spoken(target.hold))
    if target.group and signature(error_of(event)):
        yield _held("alike", time=spoken(target.group))


def _live_holds(event: Event, presentation: Presentation, live: Live) -> Iterator[str]:
    if event.name not in KNOWN_EVENTS:
        yield HOLDS["no_state"]
        return
    if live.update_only:
        yield HOLDS["skipped" if event.quiet else Held.SHOWN_BESIDE]
        return
    if not presentation.new_message:
        yield HOLDS["low"]
        return
    if event.member_of and not event.about_batch:
        yield _held("in_thread" if presentation.batch_reply else "by_edits", batch=event.member_of)
    if event.terminal:
        if not live.quiet_window or live.bypass_quiet_hours:
            yield HOLDS["outcome"]
    else:
        if live.post_after:
            yield _held("first", time=spoken(live.post_after))
        if live.min_interval:
            yield _held("edits", time=spoken(live.min_interval))


def _held(name: str, **values: str) -> str:
    return HOLDS[name] % values


def _local(seconds: float, zone: str) -> str:
    return f"{datetime.fromtimestamp(seconds, ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %Z}"


def _keys(gate: Gate) -> str:
    """Return `min_progress_increment 10, min_interval 60s`, or one of them."""
    increment = f"min_progress_increment {gate.increment:g}" if gate.increment else ""
    interval = f"min_interval {spoken(gate.interval)}" if gate.interval else ""
    return ", ".join(filter(None, (increment, interval)))


def _stated(event: Event) -> dict[str, Any]:
    about = event.batch if event.about_batch else event.operation
    operation = event.operation
    return {
        "event": event.name,
        "source": event.source,
        "subject": event.subject,
        "name": about.name if about else "",
        "type": operation.type if operation else "",
        "priority": operation.priority if operation else "",
        "status": event.status,
        "percentage": event.percentage,
        "phase": event.phase_name,
        "tenant": event.tenant,
        "project": event.project,
    }
