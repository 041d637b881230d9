"""Links around an operation: batch and members, job, the run that it retries; and the rules of its events."""

import asyncio
import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from relay.console.context import Context
from relay.console.facts import Facts, Unknown
from relay.console.views.obstacles import sources
from relay.domain.batch_members import MEMBERS, members_of
from relay.domain.documents import first_text, rows
from relay.domain.events import Document, Event
from relay.domain.facts import Space
from relay.domain.jobs import Job, documents_of, named
from relay.errors import StoreUnavailable
from relay.operating.explanation import explanation_of
from relay.store.queries.jobs import Jobs
from relay.store.queries.operations import Operations
from relay.store.queries.timelines import Timeline

MOST = 50  # members of a batch that are named
BATCH, MEMBER, JOB, ORIGINAL, RETRY = "batch", "member", "job", "first run", "retried as"
UNKNOWN = (
    "relay does not know %(id)s, or no longer: runs are known for 30 days after their last event. Their ids "
    "are case-sensitive. Where its events were refused, the first page says why."
)


class Named(Facts):
    """`kind` is what it is to the operation; `page` leads to it, and `cause` is of one that has no page."""

    kind: str
    name: str
    page: str
    detail: str = ""
    cause: str = ""


def address(page: str, **query: str) -> str:
    return f"/console/{page}?{urlencode({name: value for name, value in query.items() if value})}"


def _operation(kind: str, id_: str, space: Space, name: str = "", detail: str = "") -> Named:
    stated = {"tenant": space.tenant, "project": space.project, "platform": space.platform}
    return Named(kind=kind, name=name or id_, page=address("operation", id=id_, **stated), detail=detail)


def one_of_several(id_: str, space: Space) -> Named:
    """Return one of those that use an id."""
    parts = (f"{name} {value}" for name, value in space._asdict().items() if value)
    return _operation("", id_, space, detail=", ".join(parts))


def listed_members(events: Sequence[Event]) -> dict[str, Document]:
    """Return the newest rows of a batch's operations by their ids; {} of an operation."""
    listed = [row for event in events if event.about_batch and event.batch
              for row in rows(event.batch.document.get("operations"))]  # fmt: skip
    return {id_: row for row in listed if (id_ := first_text(row.get("operationId")))}


def related(
    asked: str, timeline: Timeline, events: Sequence[Event], job: Job | None, with_page: Collection[str] = ()
) -> Iterator[Named]:
    """Yield what the operation or batch belongs to, and what belongs to it.

    asked       the id by which it was asked for: of a retry under a new id the story is the original's
    with_page   ids of a batch's operations that have a page of their own; of the others only their batch's events spoke
    """
    space = Space.of(timeline.operation.facts)
    newest = events[-1] if events else None
    if asked != timeline.subject:
        yield _operation(ORIGINAL, timeline.subject, space)
    for retry in dict.fromkeys(event.own_id for event in events if event.original and event.own_id):
        yield _operation(RETRY, retry, space)
    if batch := timeline.operation.facts.get("batch", ""):
        yield _operation(BATCH, batch, space)
    if job:
        yield Named(kind=JOB, name=job.title, page=address("job", **job._asdict()))
    if newest and newest.about_batch:
        known = members_of(timeline.operation.facts.get(MEMBERS, ""))
        for id_, row in [*listed_members(events).items()][:MOST]:
            said = known.get(id_, {})
            member = _operation(MEMBER, id_, space, _name(row, said), first_text(row.get("status")))
            yield member if id_ in with_page else member.model_copy(update={"page": "", "cause": said.get("cause", "")})


def _name(row: Document, names: Mapping[str, str]) -> str:
    """Return the name of a batch's operation by its row, or by the events that were about it."""
    return first_text(row.get("operationName"), names.get("name"), row.get("operationKey"))


def with_job(event: Event, template: str, history: Sequence[Event] = ()) -> Event:
    """Add what the template says of its job by this and other events of its run: that is not kept with the event."""
    return replace(event, job=named(template, *documents_of(event, history))) if template else event


async def unknown(context: Context, id_: str) -> Unknown:
    """Lead to the newest runs with a similar id or name, to a list of all, and to what sources were refused."""
    text = id_.strip(" \"'<>,.;")[:200]
    found = await Operations(context.store).page(text=text, limit=MOST_NEAR)
    near = [
        (_operation("", row.subject, Space(row.platform, row.tenant, row.project)).page,
         row.name or row.subject)
        for row in found.rows
    ]  # fmt: skip
    near.append((address("operations", text=text), "Similar ids and names"))
    if any(row.refused for row in sources(context)):
        near.append(("/console/now#sources", "What was refused"))
    return Unknown(UNKNOWN % {"id": id_}, near=near)


MOST_NEAR = 8
MOST_RULES = 50  # that are shown of one event


class Explained(Facts):
    """An event with today's rules, the nearest first (as `relay explain EVENT.json --json`)."""

    name: str
    at: datetime
    explanation: dict[str, Any]
    more_rules: int


async def explained(context: Context, events: Sequence[Event]) -> list[Explained]:
    """Return the newest first. Between two of them others have their turn."""
    rows, jobs = list[Explained](), Jobs(context.store)
    for event in reversed(events):
        with contextlib.suppress(StoreUnavailable):  # then it is not known what it changes of its job
            if event.terminal and (job := await jobs.of(event)):
                event = await jobs.compared(event, job)  # noqa: PLW2901
        explanation = explanation_of(event, context.config(), context.kinds)
        rules = sorted(explanation["rules"], key=lambda rule: sum(not one["holds"] for one in rule["conditions"]))
        explanation |= {"rules": rules[:MOST_RULES]}
        more = max(0, len(rules) - MOST_RULES)
        rows.append(Explained(name=event.name, at=event.occurred_at, explanation=explanation, more_rules=more))
        await asyncio.sleep(0)
    return rows
