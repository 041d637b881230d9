"""Links around an operation: batch and members, job, the run that it retries; and what an unknown id may mean."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from relay.console.context import Context
from relay.console.facts import N_, Facts, Near, Unknown, phrase
from relay.console.views.obstacles import source_link, sources
from relay.domain.events import Event
from relay.domain.facts import Space
from relay.domain.jobs import job_of
from relay.errors import StoreUnavailable
from relay.store.operations import OperationRow, Operations
from relay.store.timelines import Timeline

MOST, MOST_NEAR = 50, 8  # members of a batch that are named; operations, and sources, that may be meant
BATCH, MEMBER, JOB, ORIGINAL, RETRY = N_("batch"), N_("member"), N_("job"), N_("first run"), N_("retried as")
UNKNOWN = N_(
    "relay has not heard of %(id)s, or no more: operations are known for 30 days after their last event. Their ids "
    "are case-sensitive. Where its events were refused, the source's page says why."
)


class Named(Facts):
    """`kind` is what it is to the operation; `page` leads to it."""

    kind: str
    name: str
    page: str
    detail: str = ""


def address(page: str, **query: str) -> str:
    return f"/console/{page}?{urlencode({name: value for name, value in query.items() if value})}"


def _operation(kind: str, id_: str, space: Space, name: str = "", detail: str = "") -> Named:
    stated = {"tenant": space.tenant, "project": space.project, "platform": space.platform}
    return Named(kind=kind, name=name or id_, page=address("operation", id=id_, **stated), detail=detail)


def one_of_several(id_: str, space: Space) -> Named:
    """Return one of those that use an id."""
    parts = (f"{name} {value}" for name, value in space._asdict().items() if value)
    return _operation("", id_, space, detail=", ".join(parts))


def related(asked: str, timeline: Timeline, events: Sequence[Event]) -> Iterator[Named]:
    """`asked` is the id by which it was asked for: of a retry under a new id the story is the original's."""
    space = Space(*(timeline.facts.get(f"fact:{name}", "") for name in ("platform", "tenant", "project")))
    newest = events[-1] if events else None
    if asked != timeline.subject:
        yield _operation(ORIGINAL, timeline.subject, space)
    for retry in dict.fromkeys(event.own_id for event in events if event.original and event.own_id):
        yield _operation(RETRY, retry, space)
    if batch := timeline.facts.get("fact:batch", ""):
        yield _operation(BATCH, batch, space)
    if newest and (job := job_of(newest, name=newest.job)):
        yield Named(kind=JOB, name=job.title, page=address("job", **job._asdict()))
    if newest and newest.about_batch:
        rows = [row for event in events for row in _rows(event.batch.document if event.batch else {})]
        members = {
            id_: _operation(MEMBER, id_, space, _text(row, "operationName"), _text(row, "status"))
            for row in rows
            if (id_ := _text(row, "operationId"))
        }
        yield from [*members.values()][:MOST]


def _rows(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    rows = document.get("operations")
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list | tuple) else []


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""


async def unknown(context: Context, id_: str) -> Unknown:
    """Offer other spellings, newer operations, and sources that were refused something. Bounded: the newest 500
    operations are looked at.
    """
    try:
        spelled = {id_.strip(" \"'<>,.;"), id_.lower(), id_.upper()} - {id_}
        operations = Operations(context.store, partial=True)
        rows = [row for name in sorted(spelled) if name for row in await operations.named(name)]
        rows += (await operations.page(text=id_, most=MOST_NEAR)).rows
    except StoreUnavailable:
        return Unknown(UNKNOWN, id=id_)
    near = [_near(row) for row in {row.operation: row for row in rows}.values()][:MOST_NEAR]
    refusing = [row.name for row in sources(context) if row.refused][:MOST_NEAR]
    links = [source_link(name, N_("What source %(name)s was refused")) for name in refusing]
    return Unknown(UNKNOWN, near=near + links, id=id_)


def _near(row: OperationRow) -> Near:
    page = address("operation", id=row.subject, tenant=row.tenant, project=row.project, platform=row.platform)
    return Near(page=page, text=phrase("%(name)s", name=f"{row.name} {row.subject}".strip()))
