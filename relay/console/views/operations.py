"""Operations and batches: the newest, those that are found by a part of their id, name or type, and those that run."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from relay.console.context import Context
from relay.console.facts import N_, Facts, Filters, OfOperation, Phrase, Time, existing, phrase
from relay.domain.events import Outcome
from relay.domain.outcomes import usual
from relay.store.queries.jobs import Jobs
from relay.store.queries.operations import Goes, OperationRow, Operations

MOST = 50
# What the watchdog's rules have found, each followed by since when.
STALLED = {
    "silent": N_("nothing was heard of it since"),
    "flat": N_("it has not moved since"),
    "overdue": N_("by its own estimate it should have ended"),
    "deadline": N_("its deadline was"),
    "slow": N_("by its other runs it should have ended"),
    "missing": N_("it should have begun"),
}


class OperationsQuestion(Filters):
    """`text` is a part of the id, the name or the type; `cursor` that of the page before."""

    state: Literal["", "running", "stalled", "over"] = ""
    text: str = Field(default="", max_length=200)
    cursor: str = Field(default="", max_length=200)


class OperationListed(OfOperation):
    """`state` is running, stalled or over. `first`: time of its first event; of an active one, its start."""

    type: str
    priority: str
    batch: str = ""
    is_batch: bool
    status: str
    state: str
    percentage: float | None
    phase: str
    first: Time
    last: Time


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
    trouble: Phrase | None


async def operations(context: Context, question: OperationsQuestion) -> OperationsFacts:
    pages = Operations(context.store)
    if question.state in ("running", "stalled") and not question.text and not question.cursor:
        going = [_going(row) for row in await pages.running(MOST)]  # however long ago they began
        stalled = [row for row in going if row.state == "stalled"]  # which come first
        if len(going) < MOST or (question.state == "stalled" and len(stalled) < len(going)):
            return OperationsFacts(rows=going if question.state == "running" else stalled, looked=len(going))
    page = await existing(pages.page(state=question.state, text=question.text, cursor=question.cursor, limit=MOST))
    return OperationsFacts.merged(page, rows=[listed(row) for row in page.rows])


def _going(row: Goes) -> OperationListed:
    run, operation = row.run, row.operation
    return OperationListed.merged(
        operation, operation=operation.subject, batch="", is_batch=run.batch, first=run.started, last=run.last_event,
    )  # fmt: skip


def listed(row: OperationRow) -> OperationListed:
    return OperationListed.merged(row, operation=row.subject)


async def runs(context: Context, rows: Sequence[Goes]) -> list[RunFacts]:
    """Return facts about these, in their order."""
    jobs = [*dict.fromkeys(row.run.job for row in rows if row.run.job)]
    ends = dict(zip(jobs, await Jobs(context.store).ends_of_each(jobs), strict=True)) if jobs else {}
    return [_run(context.clock(), row, ends[row.run.job] if row.run.job else ()) for row in rows]


def _run(now: float, row: Goes, before: tuple[Outcome, ...]) -> RunFacts:
    rule = row.run.alarms.shown if row.operation.state == "stalled" else ""
    alarm = row.run.alarms.open.get(rule)
    return RunFacts.merged(
        _going(row), stalled=rule, stalled_since=alarm.since if alarm else None,
        trouble=phrase(STALLED[rule]) if rule in STALLED else None, **expected(before, row.run.started, now),
    )  # fmt: skip


def expected(before: tuple[Outcome, ...], began: float | None, now: float) -> dict[str, Any]:
    """Return when a run of this job usually ends, and whether it is late."""
    lasts = usual(before) if began is not None else None
    if lasts is None or began is None:
        return {"ends": None, "late": False}
    return {"ends": began + lasts.median, "late": now > began + lasts.high + lasts.tolerance}
