"""A decision as facts: rules with their reasons, recipients, and what may hold a message back."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from relay.config import Config
from relay.configfile.units import spoken
from relay.configfile.validation import suggest
from relay.domain.deliveries import Digest, Gate, Live, Presentation, Target
from relay.domain.documents import decode, mapping
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
DIGEST = "told together with everything else at %(time)s"
QUIET = "quiet hours: what would be a new message is told together at %(time)s"
GATES = "progress waits until %(distance)s after the last that was told here; 100 %% always passes"
REQUESTED = "at most %(count)s in %(time)s that operations ask for; what is above that is told together at the end"
FAILURE = "a failure: nobody is notified for %(time)s, in case its run is begun again"
BELOW = "if another run failed with this error in the %(time)s before, the two are grouped: it is told below that one"
NO_STATE = "no state of the operation: told at once, beside the live message"
SKIPPED = "it did nothing: no message is begun for it, only one that stands is kept up to date"
LOW = "its priority is Low: no message is begun for it, only one that stands is kept up to date"
IN_THREAD = "if batch %(batch)s has a message here, it is told in its thread"
BY_EDITS = "if batch %(batch)s has a message here, it is told by its edits alone"
OUTCOME = "an outcome: told at once"
FIRST = "the first message waits %(time)s after the operation's first event"
EDITS = "edits keep %(time)s apart; meanwhile a newer state replaces an older one"


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
            return {"format": [*map(asdict, read)], "event": None, "rules": [], "destinations": [], "refused": [],
                    "limits": []}  # fmt: skip
        read, reader = [], replace(reader, form=None)
    permissions, events = reader.permissions, events_of(reader, body, kept, now.timestamp())
    event = first(events)
    whole = first(events_of(replace(reader, permissions=None), body, kept, now.timestamp())) if permissions else event
    ignored = unheard(whole, SILENT.format(source)) if permissions and not permissions.recipients else ()
    limits = [*(permissions.limits if permissions else ()), *_too_old(whole, sender)]
    limits += [f"the body has {len(events)} events; this is the first"] if len(events) > 1 else []
    explanation = explanation_of(event, config, channels, ignored=ignored, limits=limits)
    return {"format": [*map(asdict, read)], **explanation}


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
    """Yield the possible holds of a message at this address as sentences; earlier messages are not known here."""
    how = target.how
    if target.hold_reason:
        yield sentences(Held)[target.hold_reason]
        return
    if isinstance(how, Digest):
        yield DIGEST % {"time": _local(how.windows[0].end, zone)}
        return
    if how.quiet_window and not how.bypass_quiet_hours:
        yield QUIET % {"time": _local(how.quiet_window.end, zone)}
    if event.name == "operation.progress" and how.gates:
        yield GATES % {"distance": " or ".join(_steps(gate) for gate in how.gates)}
    if isinstance(how, Live):
        yield from _live_holds(event, target.presentation, how)
    if limit := target.limits.requested:
        yield REQUESTED % {"count": f"{limit.count}", "time": spoken(limit.per)}
    if target.hold:
        yield FAILURE % {"time": spoken(target.hold)}
    if target.group and signature(error_of(event)):
        yield BELOW % {"time": spoken(target.group)}


def _live_holds(event: Event, presentation: Presentation, live: Live) -> Iterator[str]:
    if event.name not in KNOWN_EVENTS:
        yield NO_STATE
        return
    if live.update_only:
        yield SKIPPED if event.quiet else sentences(Held)[Held.SHOWN_BESIDE]
        return
    if not presentation.new_message:
        yield LOW
        return
    if event.member_of and not event.about_batch:
        yield (IN_THREAD if presentation.batch_reply else BY_EDITS) % {"batch": event.member_of}
    if event.terminal:
        if not live.quiet_window or live.bypass_quiet_hours:
            yield OUTCOME
    else:
        if live.post_after:
            yield FIRST % {"time": spoken(live.post_after)}
        if live.min_interval:
            yield EDITS % {"time": spoken(live.min_interval)}


def _local(seconds: float, zone: str) -> str:
    return f"{datetime.fromtimestamp(seconds, ZoneInfo(zone)):%Y-%m-%d %H:%M:%S %Z}"


def _steps(gate: Gate) -> str:
    """`10 points`, `60s`, or both."""
    points = [f"{gate.increment:g} points"] if gate.increment else []
    return " and ".join([*points, spoken(gate.interval)] if gate.interval else points)


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
