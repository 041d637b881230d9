"""What each page is asked: as people mostly do, and so that it has most to look at."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from benchmarks.console import world
from benchmarks.console.filling import Size
from relay.console.site import VIEWS

Facts = Callable[[str], Mapping[str, Any]]  # of a path below /api/v1
Row = tuple[str, str, Mapping[str, str]]  # page, text and query
FAR = 8  # pages from the first


class Question(NamedTuple):
    """`view` is the path of the page; `text` says in what it differs from the others of it."""

    view: str
    text: str
    query: str

    @property
    def path(self) -> str:
        return f"/console{self.view}{self.query}"


def questions(facts: Facts, size: Size) -> list[Question]:
    """At least one of each page; `facts` are asked for ids and cursors."""
    every = (*_operations(facts, size), *_deliveries(facts, size), *_set_aside(facts), *_rest(facts))
    made = [Question(view, text, f"?{urlencode(query)}" if query else "") for view, text, query in every]
    if missing := {view.path for view in VIEWS} - {question.view for question in made}:
        raise ValueError(f"nothing is asked of {', '.join(sorted(missing))}")
    return made


def _operations(facts: Facts, size: Size) -> Iterator[Row]:
    running, _ = size.going()
    oldest = world.subject(0, size.copies - 1)
    yield "/now", "", {}
    yield "/operation", "just over", {"id": world.subject(size.played - 1)}
    yield "/operation", "a month old", {"id": oldest}
    yield "/operation", "under way", {"id": world.subject(running[0])}
    yield "/operation", "all dead", {"id": world.subject(size.dead[-1])}
    yield "/operations", "", {}
    yield "/operations", "running", {"state": "running"}
    yield "/operations", "over", {"state": "over"}
    yield "/operations", "stalled, which none is", {"state": "stalled"}
    yield "/operations", "running, and a text", {"state": "running", "text": "Snapshot"}
    yield "/operations", "a text that many have", {"text": "Journey"}
    yield "/operations", "a text that none has", {"text": "nowhere"}
    yield "/operations", "an id", {"text": oldest}
    yield "/operations", "a page far back", {"cursor": _far(facts, "/operations")}
    yield "/jobs", "", {}
    yield "/jobs", "a page far back", {"cursor": _far(facts, "/jobs")}
    job = facts("/jobs")["rows"][0]
    yield "/job", "", {name: job[name] for name in ("platform", "tenant", "project", "type", "name")}


def _deliveries(facts: Facts, size: Size) -> Iterator[Row]:
    yield "/deliveries", "", {}
    yield "/deliveries", "of a destination", {"destination": world.team(5)}
    yield "/deliveries", "dead", {"state": "dead"}
    yield "/deliveries", "held, which none is", {"state": "held"}
    yield "/deliveries", "of an operation", {"operation": world.subject(size.played - 1)}
    yield "/deliveries", "before 20 days ago", {"until": "20d"}
    yield "/deliveries", "waiting", {"state": "waiting"}
    yield "/deliveries", "waiting, where none waits", {"state": "waiting", "destination": world.team(5)}
    yield "/deliveries", "a page far back", {"cursor": _far(facts, "/deliveries")}
    ended = _ended(facts)
    row = next(row for row in ended if row["copied"])
    yield "/delivery", "delivered", {"id": row["id"], "destination": row["destination"], "at": _ms(row["at"])}
    waits = facts("/deliveries?state=waiting")["rows"][0]["id"]
    yield "/delivery", "waiting", {"id": waits}
    yield "/delivery/preview", "", {"id": waits}
    yield "/message", "", {"copy": _copy(facts, ended)}


def _set_aside(facts: Facts) -> Iterator[Row]:
    yield "/dead", "", {}
    yield "/dead", "of a destination", {"destination": world.team(5)}
    yield "/dead", "of a reason that none has", {"reason": "bounced"}
    yield "/dead", "a page far back", {"cursor": _far(facts, "/dead")}
    yield "/dead/all", "", {}
    yield "/dead/all", "of a destination", {"destination": world.team(5)}
    yield "/dead-letter", "", {"id": facts("/dead")["rows"][0]["id"]}
    yield "/quarantine", "", {}
    yield "/quarantine", "of a source", {"source": world.source(3)}
    yield "/quarantine/all", "", {}
    yield "/quarantine/all", "of a source", {"source": world.source(3)}
    body = facts("/quarantine")["rows"][0]["id"]
    yield "/quarantined", "", {"id": body}
    yield "/quarantined/trial", "", {"id": body}


def _rest(facts: Facts) -> Iterator[Row]:
    yield "/source", "", {"name": world.source(0)}
    yield "/destinations", "", {}
    yield "/destination", "", {"name": world.team(5)}
    yield "/destination", "of mails", {"name": world.reader(5)}
    yield "/destination", "paused", {"name": world.PAUSED}
    yield "/destination/digest", "empty", {"name": world.DAILY}
    yield "/templates", "", {}
    yield "/template", "", {"name": facts("/templates")["rows"][0]["name"]}
    yield "/silences", "", {}
    yield "/audit", "", {}
    yield "/audit", "by one", {"actor": "wei"}
    yield "/audit", "by nobody there is", {"actor": "nobody"}


def _far(facts: Facts, view: str) -> str:
    """The cursor of a page far from the first, or of the last one."""
    cursor = ""
    for _ in range(FAR):
        more = facts(f"{view}?{urlencode({'cursor': cursor})}")["cursor"]
        if not more:
            break
        cursor = more
    return cursor


def _ended(facts: Facts) -> list[Mapping[str, Any]]:
    """The newest, of some pages."""
    rows, cursor = list[Mapping[str, Any]](), ""
    for _ in range(FAR):
        page = facts(f"/deliveries?{urlencode({'cursor': cursor})}")
        rows, cursor = [*rows, *page["rows"]], page["cursor"]
        if not cursor:
            break
    return rows


def _ms(at: str) -> str:
    return f"{datetime.fromisoformat(at).timestamp() * 1000:.0f}"


def _copy(facts: Facts, rows: Sequence[Mapping[str, Any]]) -> str:
    """One that is kept."""
    for row in rows:
        with suppress(RuntimeError):  # of a copy of an operation there is none
            if row["copied"] and facts(f"/message?copy={row['copied']}"):
                return str(row["copied"])
    raise ValueError("no message is kept as it was sent")
