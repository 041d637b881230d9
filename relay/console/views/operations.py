"""Operations and batches: the newest, those that are found by a part of their id, name or type, and those that run."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from pydantic import Field

from relay.config import Config
from relay.console.context import Context
from relay.console.facts import Facts, Filters, OfOperation, Time, existing
from relay.domain.events import Outcome
from relay.domain.jobs import Alarms
from relay.domain.outcomes import usual
from relay.rendering.links import Base, Whose, row_link
from relay.store.queries.jobs import Jobs
from relay.store.queries.operations import Goes, OperationRow, Operations

MOST = 50
# What the watchdog's rules have found, each followed by since when.
STALLED = {
    "silent": "no event since",
    "progress": "it has not moved since",
    "late": "it should have ended",
    "missing": "it should have started",
}


class OperationsQuestion(Filters):
    """`text` is a part of the id, the name or the type; `cursor` that of the page before."""

    state: Literal["", "running", "stalled", "over"] = ""
    text: str = Field(default="", max_length=200)
    cursor: str = Field(default="", max_length=200)


class Told(Facts):
    """Fate of an event at a destination: the state of a `Verdict`."""

    destination: str
    state: str


class OperationListed(OfOperation):
    """`state` is running, stalled or over. `first`: time of its first event; of an active one, its start.

    shown  its status as people read it: also the rule of its alarm, or Partial, of a batch with failures
    cause  of its failure, in one line; of a batch its causes
    link   to its page at the platform
    told   the destinations of its failure or alarm, on the first page alone
    """

    type: str
    priority: str
    batch: str = ""
    is_batch: bool
    status: str
    shown: str
    state: str
    percentage: float | None
    phase: str
    first: Time
    last: Time
    cause: str = ""
    link: str = ""
    told: list[Told] = Field(default_factory=list)


class OperationsFacts(Facts):
    """Newest first. `looked` were examined; `looked_to`: a page that looked at as many as it may ends there."""

    rows: list[OperationListed]
    cursor: str = ""
    looked: int
    looked_to: Time = None


class RunFacts(OperationListed):
    """An active run: `ends` is the usual end, `stalled` the rule of its open alarm, `trouble` as a sentence."""

    ends: Time
    late: bool
    stalled: str
    stalled_since: Time
    trouble: str


async def operations(context: Context, question: OperationsQuestion) -> OperationsFacts:
    pages, config = Operations(context.store), context.config()
    if question.state in ("running", "stalled") and not question.text and not question.cursor:
        going = [_going(config, row) for row in await pages.running(MOST)]  # however long ago they began
        stalled = [row for row in going if row.state == "stalled"]  # which come first
        if len(going) < MOST or (question.state == "stalled" and len(stalled) < len(going)):
            return OperationsFacts(rows=going if question.state == "running" else stalled, looked=len(going))
    page = await existing(pages.page(state=question.state, text=question.text, cursor=question.cursor, limit=MOST))
    return OperationsFacts.merged(page, rows=[listed(config, row) for row in page.rows])


def _going(config: Config, row: Goes) -> OperationListed:
    run = row.run
    its = {"batch": "", "is_batch": run.batch, "first": run.started, "last": run.last_event}
    return OperationListed.merged(listed(config, row.operation), **its)


def listed(config: Config, row: OperationRow, **more: Any) -> OperationListed:
    cause, link = "; ".join(row.causes), run_page(config, row.summary, row)
    return OperationListed.merged(row, operation=row.subject, cause=cause, link=link, **more)


def run_page(config: Config, summary: Mapping[str, Any], whose: Whose) -> str:
    """Return the platform's page of a run; '' where none is known."""
    return row_link(config.link_templates, summary, whose, Base(config.platform.base_url, config.link_hosts))


async def runs(context: Context, rows: Sequence[Goes], told: Mapping[str, list[Told]]) -> list[RunFacts]:
    """Return facts about these, in their order."""
    known, names = Jobs(context.store), [row.operation.operation for row in rows]
    by_name = {row.operation.operation: row.run.job for row in rows if row.run.job}
    jobs = await known.named(names) if context.config().job else by_name
    listed = [*dict.fromkeys(jobs.values())]
    ends = dict(zip(listed, await known.ends_of_each(listed), strict=True)) if listed else {}
    return [
        _run(context, row, ends[jobs[name]] if name in jobs else (), told.get(name, []))
        for name, row in zip(names, rows, strict=True)
    ]


def _run(context: Context, row: Goes, before: tuple[Outcome, ...], told: list[Told]) -> RunFacts:
    alarms = row.run.alarms if row.operation.state == "stalled" else Alarms()
    rule, alarm = alarms.found, alarms.open.get(alarms.shown)
    return RunFacts.merged(
        _going(context.config(), row), stalled=rule, stalled_since=alarm.since if alarm else None, told=told,
        trouble=STALLED.get(rule, ""),
        **expected(before, row.run.started, context.clock()),
    )  # fmt: skip


def expected(before: tuple[Outcome, ...], began: float | None, now: float) -> dict[str, Any]:
    """Return when a run of this job usually ends, and whether it is late."""
    lasts = usual(before) if began is not None else None
    if lasts is None or began is None:
        return {"ends": None, "late": False}
    return {"ends": began + lasts.median, "late": now > began + lasts.high + lasts.tolerance}
