"""The sample events (`templates/samples`) that templates are tried out with. Pure."""

from collections.abc import Collection, Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from relay.domain.documents import decode, moment
from relay.domain.events import Event, Outcome
from relay.domain.identity import error_of, signature
from relay.domain.parsing import parse
from relay.errors import InvalidEvent, NotJson, TemplateError
from relay.rendering.digests import ROUND_UPS
from relay.rendering.template_files import GENERIC, parsed
from relay.rendering.template_set import TemplateSet

Body = dict[str, Any]

MUST = {"batch": ("batchId", "id", "status"), "operation": ("operationId", "id", "status")}


def minimal(body: Body) -> Body:
    """No more than a sender must say; a body of another shape, such as a flat one, as it is."""
    parts = {
        part: {key: value for key, value in body[part].items() if key in keys}
        for part, keys in MUST.items()
        if isinstance(body.get(part), dict)
    }
    names = {key: body[key] for key in ("event", "timestamp") if key in body}
    return names | parts if parts else deepcopy(body)


MINUTE, DAY = 60.0, 86_400.0
# Of the runs before, the newest first and over again: the minutes that each phase took.
PHASES = ("Data Loading & Validation", "Process Discovery", "Machine Learning Analysis", "Report Generation")
COURSES = ((7, 12, 19, 5), (7, 13, 20, 5), (6, 13, 19, 6), (8, 14, 21, 5), (7, 13, 18, 5))
RUNS = 24  # that are known
LAST_FAILURE = 23  # so many successes ago


def with_past(event: Event) -> Event:
    """The event, as that of a daily job."""
    if event.operation is None or event.about_batch:
        return event
    return replace(event, past=(*reversed([*_ends(event)]),))


def _ends(event: Event) -> Iterator[Outcome]:
    error = signature(error_of(event)) or "c0ffee000000"
    for back in range(1, RUNS + 1):
        course = COURSES[back % len(COURSES)]
        lasted = sum(course) * MINUTE
        ended = event.occurred_at.timestamp() - back * DAY
        status = "Failed" if back == LAST_FAILURE + 1 else "Completed"
        phases = tuple(zip(PHASES, (minutes * MINUTE for minutes in course), strict=True))
        if status == "Failed":
            phases, lasted = phases[:2], sum(course[:3]) * MINUTE
        yield Outcome(f"{back}", status, ended, ended - lasted, lasted, phases, error if status == "Failed" else "")


NOON = datetime(2024, 1, 20, 12, tzinfo=UTC)  # for samples without a time of their own


def sample_bodies(directories: Sequence[Path]) -> dict[str, dict[str, Any]]:
    """The sample events' bodies, oldest first, by their files' names. Of two with one name, the earlier counts."""
    files = {file.stem: file for folder in reversed(directories) for file in sorted(folder.glob("samples/*.json"))}
    bodies = {}
    for name, file in files.items():
        try:
            bodies[name] = decode(file.read_bytes())
            _parsed(bodies[name], name)
        except (NotJson, InvalidEvent) as error:
            raise TemplateError(f"{file}: no sample of an event: {error}") from None
    return dict(sorted(bodies.items(), key=lambda item: _parsed(item[1], item[0]).occurred_at))


def bare_events(library: TemplateSet, samples: Collection[str]) -> dict[str, Event]:
    """Of each message that no sample is of, its event without anything."""
    stems = {parsed(name)[0] for templates in library.messages.values() for name in templates}
    names = sorted(stem for stem in stems if "." in stem and not stem.startswith(GENERIC) and stem not in samples)
    body = {"operation": {"operationId": "bare"}, "batch": {"batchId": "bare"}}
    return {name: _parsed(body | {"event": name}, name) for name in names}


def sample_events(directories: Sequence[Path], *, short: bool = False) -> dict[str, Event]:
    """Return the sample events, oldest first; `short`: as senders say them that say no more than they must.

    TemplateError if one is none.
    """
    bodies = sample_bodies(directories)
    if short:
        return {name: _shortened(body, name) for name, body in bodies.items()}
    return {name: with_past(_parsed(body, name)) for name, body in bodies.items()}


def history_of(event: Event, events: Collection[Event]) -> tuple[Event, ...]:
    """Return what is known when the event arrives: what came before it and did not end the run, and itself."""
    earlier = [other for other in events if other.subject == event.subject and not other.terminal]
    return (*(other for other in earlier if other.occurred_at < event.occurred_at), event)


def _shortened(body: Body, name: str) -> Event:
    try:
        return _parsed(minimal(body), name)
    except InvalidEvent:  # a user's own that is shaped in another way than relay's
        return _parsed(body, name)


def _parsed(body: dict[str, Any], name: str) -> Event:
    when = moment(body.get("timestamp")) or NOON
    if body.get("event") in ROUND_UPS:  # made by relay itself, so it is no document of an operation
        return Event(id="", name=str(body["event"]), source="relay", occurred_at=when, received_at=when, document=body)
    return parse(body, source="sample", received_at=when, default_event=name if "." in name else "")
