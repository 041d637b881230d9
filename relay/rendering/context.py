"""The names that templates know: plain data, cleaned, with every documented field there. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC
from functools import cached_property
from typing import Any, NamedTuple

from relay.domain.deliveries import Form
from relay.domain.documents import mapping, rows
from relay.domain.events import OPERATION_EVENTS, TERMINAL, WATCH_EVENTS, Event
from relay.domain.facts import merge_documents
from relay.domain.jobs import alarm_in, missing_job
from relay.domain.links import NO_LINKS, LinkTemplates
from relay.rendering.batches import batch
from relay.rendering.digests import ROUND_UPS, digest, trouble
from relay.rendering.faults import MAX_WRITTEN, too_long
from relay.rendering.jobs import action, artifact, cancellation, error, job, phase, presser, recommendation, results
from relay.rendering.links import Base, links, round_up_links
from relay.rendering.localized_values import Localizer
from relay.rendering.operations import operation
from relay.rendering.texts import between, clean, iso, line, safe_url, text, time

OUTCOME_PARTS = ("results", "error", "cancellation")
# The alarm of an event that has none.
STALLED = {"rule": "", "by": "", "since": "", "seconds": None, "percentage": None, "phase": "", "lastEvent": "",
           "rhythm": None, "began": "", "running": None, "firstEstimate": "", "estimateMoved": 0, "deadline": "",
           "reminder": 0, "last": False}  # fmt: skip
RECOVERED = {"rule": "", "by": "", "seconds": None, "run": ""}


# A live message shows the present state, whichever event came last.
OF_STATUS = {
    "Initiated": "operation.started", "Running": "operation.progress", "Completed": "operation.completed",
    "Failed": "operation.failed", "Timeout": "operation.timeout", "Cancelled": "operation.cancelled",
    "Stalled": "operation.stalled",
}  # fmt: skip
BATCH_OF_STATUS = {
    "Initiated": "batch.started", "Running": "batch.progress", **dict.fromkeys(TERMINAL, "batch.completed"),
}  # fmt: skip


PAUSED = "operation.paused"  # an event that relay has no message for; its run is no running one


class Request(NamedTuple):
    """One message, by what its template's file is named after."""

    channel: str
    message: str
    kind: Form
    destination: str


def request_of(channel: str, kind: Form, event: Event, destination: str = "", history: Sequence[Event] = ()) -> Request:
    """Return the message about the event."""
    return Request(channel, message_of(event, kind, history), kind, destination)


def message_of(event: Event, kind: Form, history: Sequence[Event] = ()) -> str:
    """Return the name of the message about the event. A Timeout is one, and a failure is one, whatever named it."""
    if event.about_batch:
        return BATCH_OF_STATUS.get(event.status, event.name) if kind == "live" else event.name
    if kind == "live" and open_alarm(event, history):
        return "operation.stalled"
    if event.name == "operation.recovered" and alarm_in(event.document, "recovered").get("rule") == "missing":
        return event.name  # it is about no run that would go on
    if event.name != PAUSED and (kind == "live" or (event.terminal and event.name in OPERATION_EVENTS)):
        return OF_STATUS.get(event.status, event.name)
    return event.name


def open_alarm(event: Event, history: Sequence[Event]) -> Mapping[str, Any]:
    """Return the watchdog's open alarm, {} once the run has ended, by the order in which relay received the events."""
    return {} if event.terminal or event.about_batch else _last_alarm((*history, event))


def _last_alarm(events: Iterable[Event]) -> Mapping[str, Any]:
    alarm: Mapping[str, Any] = {}
    for other in events:
        if other.name in WATCH_EVENTS:
            alarm = alarm_in(other.document)
        elif alarm.get("by") == "events":  # any event ends that alarm, before the watchdog reports it
            alarm = {}
    return alarm


class Context(dict[str, Any]):
    """Values that a template gets for one event; each of `MAKERS` is made when it is first asked for."""

    def __init__(
        self,
        event: Event,
        history: Sequence[Event],
        formats: Localizer,
        base: Base,
        *,
        links: LinkTemplates = NO_LINKS,
        live: bool = False,
    ) -> None:
        """Take what the values are made of.

        live    show the present state, so a run is stalled for as long as its alarm is open
        """
        super().__init__(formats=formats)
        self.texts: dict[Any, str] = {}  # of macros that were written already
        self._room = MAX_WRITTEN  # characters that may still be written
        self.event = event
        self.history = history
        self.events = (
            *(other for other in history if other.occurred_at <= event.occurred_at and other != event),
            event,
        )
        self.formats = formats
        self.base = base
        self.link_templates = links.of(event.platform, mapped=event.mapped)
        self.live = live

    def __missing__(self, name: str) -> Any:
        value = self[name] = MAKERS[name](self)
        return value

    def spend(self, characters: int) -> None:
        """Count what is written for this message. SecurityError if it is too much."""
        self._room -= characters
        if self._room < 0:
            raise too_long()

    def complete(self) -> dict[str, Any]:
        """Return all values, as plain data."""
        return {name: self[name] for name in (*MAKERS, *self)}

    @cached_property
    def merged(self) -> dict[str, Any]:
        merged: dict[str, Any] = clean(_merged(self.event, self.events))
        return merged

    @cached_property
    def outcome(self) -> Mapping[str, Any]:
        return mapping(self.merged.get("results"))

    @cached_property
    def state(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Operation, and the alarm that the event reports or that is open."""
        event, language = self.event, self.formats.language
        op = operation(event, self.events, self.merged, language, self.base)
        stated = open_alarm(event, self.history) if self.live else alarm_in(event.document)
        alarm: dict[str, Any] = clean(stated)
        if self.live and alarm:
            op |= {"status": "Stalled", "status_label": language.label("Stalled")}
            if event.name not in WATCH_EVENTS:  # the alarm of a late run stays open while it goes on
                since, lasting = time(alarm, "since"), alarm.get("seconds")
                alarm |= {"percentage": op["percentage"], "phase": op["phase"], "lastEvent": iso(event.occurred_at),
                          "seconds": between(since, event.occurred_at) if since else lasting}  # fmt: skip
        return op, alarm


def _end_of_alarm(values: Context) -> Mapping[str, Any]:
    """Return which alarm is over and how long it lasted; of an outcome, the alarm that was open until then."""
    event = values.event
    if not event.terminal or event.about_batch:
        return alarm_in(event.document, "recovered")
    alarm = _last_alarm(other for other in values.history if not other.terminal)
    return {**alarm, "seconds": between(time(alarm, "since"), event.occurred_at)}


def _event(values: Context) -> dict[str, Any]:
    event = values.event
    return {
        "name": event.name,
        "label": values.formats.language.label(event.name),
        "id": clean(event.id),
        "source": event.source,
        "occurred_at": event.occurred_at.isoformat(),
        "received_at": event.received_at.isoformat(),
        "tenant": line(clean(event.tenant)),
        "project": line(clean(event.project)),
    }


def _links(values: Context) -> dict[str, str]:
    event, templates = values.event, values.link_templates
    if event.name in ROUND_UPS:
        return round_up_links(templates, event) | {"platform": safe_url(values.base.url)}
    watched = event.name in WATCH_EVENTS and any(
        other.about_batch and other.subject == event.subject for other in values.history
    )
    op = values["op"]
    if missing_job(event):  # a run has a page once it has begun
        op = op | {"id": text(values["recovered"], "run")}
    page_links = links(templates, event, op, values["batch"], values["error"]["code"], alarm_of_batch=watched)
    return page_links | {"platform": safe_url(values.base.url)}


def _merged(event: Event, events: Sequence[Event]) -> dict[str, Any]:
    """Merge the events' documents; of a batch's event, return the document of its operation alone."""
    if event.about_batch:
        document = event.operation.document if event.operation else {}
        parts = {key: getattr(event, key) for key in ("results", "error") if getattr(event, key)}
        return {**document, **parts}
    merged = merge_documents(events)
    for key in OUTCOME_PARTS:  # not the failure of an earlier attempt
        values = [getattr(other, key) for other in events if other.status == event.status and getattr(other, key)]
        merged[key] = values[-1] if values else {}
    if event.operation and not merged["error"] and (failure := event.operation.document.get("error")):
        merged["error"] = failure if isinstance(failure, Mapping) else {"message": failure}
    return {**merged, "phase": event.phase}


MAKERS: Mapping[str, Callable[[Context], Any]] = {
    "op": lambda values: values.state[0],
    "batch": lambda values: batch(values.event, values.formats.language, values.base, values.link_templates),
    "results": lambda values: results(values.outcome),
    "artifacts": lambda values: [
        artifact(row, values.event, values.base) for row in rows(values.outcome.get("artifacts"))
    ],
    "recommendations": lambda values: [
        recommendation(row, values.formats) for row in rows(values.outcome.get("recommendations"))
    ],
    "error": lambda values: error(mapping(values.merged.get("error")), values.formats.language),
    "cancellation": lambda values: (
        cancellation(mapping(values.merged.get("cancellation")), values.event, values.base)
        | presser(values.event, values.events)
    ),
    "phase": lambda values: phase(mapping(values.merged.get("phase")), values.formats.language),
    "job": lambda values: job(values.event, values.state[0], values.merged),
    "digest": lambda values: digest(values.event, values.formats.language, values.base, values.link_templates),
    "stalled": lambda values: {**STALLED, **values.state[1]},
    "recovered": lambda values: {**RECOVERED, **clean(_end_of_alarm(values))},
    "trouble": lambda values: trouble(values.event),
    "action": lambda values: action(mapping(values.event.document.get("action"))),
    "event": _event,
    "links": _links,
    "doc": lambda values: clean(values.event.document),
    "now": lambda values: values.formats.now.astimezone(UTC).isoformat(),
}
