"""The same event as senders at the extremes would tell it: what templates are tried out with. Pure.

Each of `FIXTURES` takes the body of a typical event (`templates/samples`) and gives another body of that event.

    minimal   no more than a sender must say
    typical   as it is
    maximal   as long and as many as may be: names of 200 characters, 60 phases, 50 files, 300 operations
    hostile   mentions, links, markup, quotes, line breaks, marks that turn the writing round, in every free text
    empty     zero where there is a number, nothing where there is a text
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
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

HOSTILE = (
    "<!channel> <@U012AB3CD> <#C012AB3CD|x> <https://evil.example|click> &lt;!here&gt; {{7*7}} {% raw %} ${7*7}"
    " \"quotes\" 'single' <script>alert(1)</script><img src=x onerror=alert(1)> *bold* _italic_ ~gone~ `code`"
    " \u202eesrever\u202c zero\u200bwidth \ufeff\u2066isolate\u2069 👩‍🔬 :tada: \x00\x07\x1b[31m\u2028 שלום"
    "\r\nBcc: evil@example.com\n> quoted\n```block```"
)
LONGEST = 990  # characters of a text that relay accepts from a sender, with some room
MAX_TYPE = 128

# What names things and times, instead of describing them. Extremes there are refused on arrival.
FIXED = {"event", "eventId", "timestamp", "status", "priority", "operationId", "batchId", "tenantId", "projectId",
         "trackingUrl", "operationKey", "dependencies", "rule", "by", "kind", "from", "to", "since", "began", "until",
         "zone", "id", "at", "started", "date", "path"}  # fmt: skip
FIXED_ENDINGS = ("Time", "Completion", "At", "Created", "Event", "Estimate", "deadline")

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


def maximal(body: Body) -> Body:
    """Return the body at its limits: the longest names, and the most phases, files and operations."""
    grown = _everywhere(body, lambda text: f"{text} 🔬 & <{'W' * 200}>")
    operation, results = grown.get("operation", {}), grown.get("results", {})
    if operation.get("phases"):
        operation["phases"] = [dict(operation["phases"][0], phaseName=f"Phase {n}") for n in range(60)]
    if results.get("artifacts"):
        file = results["artifacts"][0] | {"downloadUrl": f"https://api.example.com/{'d' * 1900}"}
        results["artifacts"] = [dict(file, name=f"File {n} {'n' * 300}") for n in range(50)]
    if results.get("recommendations"):
        results["recommendations"] *= 25
    if "summary" in results:
        results["summary"] |= {f"figureNumber{n}": n * 1_000_003 for n in range(60)}
    if "error" in grown:
        grown["error"]["message"] = "Traceback & <more>\n" * 500
    if grown.get("batch", {}).get("operations"):
        member = grown["batch"]["operations"][-2:][0]
        grown["batch"]["operations"] += [
            dict(member, operationId=f"op-{n}", operationKey="k" * 200) for n in range(300)
        ]
    if grown.get("troubles"):
        grown["troubles"] = [dict(row, affected=row["affected"] * 20) for row in grown["troubles"] * 8]
    if grown.get("entries"):  # of a digest
        grown["entries"] = (grown["entries"] * 60)[:60]
    return grown


def hostile(body: Body) -> Body:
    """The same event with everything hostile in every text that is free."""
    return _everywhere(body, lambda text: f"{HOSTILE} {text}")


def empty(body: Body) -> Body:
    """The same event with nothing in it: every number 0, every free text none."""
    return _everywhere(body, lambda _: None, lambda _: 0)


FIXTURES: Mapping[str, Callable[[Body], Body]] = {
    "minimal": minimal, "typical": deepcopy, "maximal": maximal, "hostile": hostile, "empty": empty,
}  # fmt: skip


def _everywhere(
    body: Body, text: Callable[[str], str | None], figure: Callable[[float], float] = lambda number: number
) -> Body:
    def walk(value: Any, key: str) -> Any:
        if isinstance(value, dict):
            return {name: walk(item, name) for name, item in value.items()}
        if isinstance(value, list):
            return [walk(item, key) for item in value]
        if isinstance(value, int | float) and not isinstance(value, bool):
            return figure(value)
        if not isinstance(value, str) or key in FIXED or key.endswith(FIXED_ENDINGS):
            return value
        changed = text(value)
        return changed and changed[: MAX_TYPE if key == "operationType" else LONGEST]

    changed: Body = walk(deepcopy(body), "")
    return changed


MINUTE, DAY = 60.0, 86_400.0
# Of the runs before, the newest first and over again: the minutes that each phase took.
PHASES = ("Data Loading & Validation", "Process Discovery", "Machine Learning Analysis", "Report Generation")
COURSES = ((7, 12, 19, 5), (7, 13, 20, 5), (6, 13, 19, 6), (8, 14, 21, 5), (7, 13, 18, 5))
# Of each fixture, how many runs are known, and how many failed directly before, in the same way.
KNOWN = {"typical": (24, 0), "maximal": (50, 3), "hostile": (24, 1)}
LAST_FAILURE = 23  # so many successes ago


def with_past(event: Event, fixture: str) -> Event:
    """The event, as that of a daily job."""
    if event.operation is None or event.about_batch or fixture not in KNOWN:
        return event
    return replace(event, past=(*reversed([*_ends(event, *KNOWN[fixture])]),))


def _ends(event: Event, runs: int, failures: int) -> Iterator[Outcome]:
    error = signature(error_of(event)) or "c0ffee000000"
    for back in range(1, runs + 1):
        course = COURSES[back % len(COURSES)]
        lasted = sum(course) * MINUTE
        ended = event.occurred_at.timestamp() - back * DAY
        status = "Failed" if back <= failures or back == failures + LAST_FAILURE + 1 else "Completed"
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


def sample_events(directories: Sequence[Path], fixture: str = "typical") -> dict[str, Event]:
    """The sample events in this form, oldest first. TemplateError if one is none."""
    bodies = sample_bodies(directories)
    return {name: with_past(_changed(body, name, fixture), fixture) for name, body in bodies.items()}


def history_of(event: Event, events: Collection[Event]) -> tuple[Event, ...]:
    """Return what is known when the event arrives: what came before it and did not end the run, and itself."""
    earlier = [other for other in events if other.subject == event.subject and not other.terminal]
    return (*(other for other in earlier if other.occurred_at < event.occurred_at), event)


def _changed(body: dict[str, Any], name: str, fixture: str) -> Event:
    try:
        return _parsed(FIXTURES[fixture](body), name)
    except (InvalidEvent, ArithmeticError, AttributeError, LookupError, TypeError, ValueError):
        return _parsed(body, name)  # one of a user's own that is shaped in another way than relay's: it stays as it is


def _parsed(body: dict[str, Any], name: str) -> Event:
    when = moment(body.get("timestamp")) or NOON
    if body.get("event") in ROUND_UPS:  # made by relay itself, so it is no document of an operation
        return Event(id="", name=str(body["event"]), source="relay", occurred_at=when, received_at=when, document=body)
    return parse(body, source="sample", received_at=when, default_event=name if "." in name else "")
