"""What an operation has to do with: its batch and members, its job, the run that it retries. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from relay.console.view import Facts
from relay.console.words import said
from relay.domain.events import Event
from relay.domain.facts import Space
from relay.domain.jobs import Job, job_of
from relay.store.timelines import Timeline

MOST = 50  # members of a batch that are named
BATCH, MEMBER, JOB, ORIGINAL, RETRY = (
    said("batch"), said("member"), said("job"), said("first run"), said("retried as")
)  # fmt: skip


class Named(Facts):
    """`kind` is what it is to the operation; `page` leads to it."""

    kind: str
    name: str
    page: str
    detail: str = ""


def address(id_: str, space: Space, page: str = "operation") -> str:
    stated = {"id": id_, "tenant": space.tenant, "project": space.project, "platform": space.platform}
    return f"/console/{page}?{urlencode({name: value for name, value in stated.items() if value})}"


def job_address(job: Job) -> str:
    return f"/console/job?{urlencode({name: value for name, value in job._asdict().items() if value})}"


def named(id_: str, space: Space) -> Named:
    """One of those that use an id."""
    parts = (f"{name} {value}" for name, value in space._asdict().items() if value)
    return Named(kind="", name=id_, page=address(id_, space), detail=", ".join(parts))


def related(looked_up: str, timeline: Timeline, events: Sequence[Event]) -> list[Named]:
    """`looked_up` is the id by which it was asked for: of a retry under a new id the story is the original's."""
    space = Space(*(timeline.facts.get(f"fact:{name}", "") for name in ("platform", "tenant", "project")))
    return [*_related(looked_up, timeline, events, space)]


def _related(looked_up: str, timeline: Timeline, events: Sequence[Event], space: Space) -> Iterator[Named]:
    newest = events[-1] if events else None
    if looked_up != timeline.subject:
        yield Named(kind=ORIGINAL, name=timeline.subject, page=address(timeline.subject, space))
    for retry in dict.fromkeys(event.own_id for event in events if event.original and event.own_id):
        yield Named(kind=RETRY, name=retry, page=address(retry, space))
    if batch := timeline.facts.get("fact:batch", ""):
        yield Named(kind=BATCH, name=batch, page=address(batch, space))
    if newest and (job := job_of(newest, name=newest.job)):
        yield Named(kind=JOB, name=job.title, page=job_address(job))
    members: dict[str, Named] = {}
    for event in events:
        for row in _rows(event.batch.document if event.batch else {}):
            id_ = row.get("operationId")
            if isinstance(id_, str) and id_:
                members[id_] = Named(kind=MEMBER, name=_text(row, "operationName") or id_, page=address(id_, space),
                                     detail=_text(row, "status"))  # fmt: skip
    if newest and newest.about_batch:
        yield from [*members.values()][:MOST]


def _rows(document: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    rows = document.get("operations")
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list | tuple) else []


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""
