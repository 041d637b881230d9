"""Jobs: how the runs of each fare, how long they take, and what fails them."""

from collections import Counter
from collections.abc import Mapping, Sequence

from pydantic import Field

from relay.console.context import Context
from relay.console.facts import Facts, Filters, OfOperation, Question, Time, Unknown, existing
from relay.domain.events import Outcome
from relay.domain.facts import Space
from relay.domain.jobs import Job
from relay.domain.outcomes import Usual, of_runs, streaks, usual
from relay.engine.records import Operation
from relay.store.queries.jobs import JobEnd, Jobs

MOST, MOST_CAUSES = 25, 10


class JobsQuestion(Filters):
    """`cursor` is that of the page before."""

    cursor: str = Field(default="", max_length=100)


class JobQuestion(Question):
    """A job is what its runs have in common, as `/api/v1/jobs` names it; # in its name replaces differing parts."""

    platform: str = Field(default="", max_length=1000)
    tenant: str = Field(default="", max_length=1000)
    project: str = Field(default="", max_length=1000)
    type: str = Field(default="", max_length=1000)
    name: str = Field(default="", max_length=1000)
    branch: str = Field(default="", max_length=1000)


class OfJob(Facts):
    """A job: ends of its last 50 runs, usual duration (`median`, seconds), current streak of failures (`failing`)."""

    platform: str
    tenant: str
    project: str
    type: str
    name: str
    branch: str
    title: str
    succeeded: int
    failed: int
    failing: int
    median: float | None


class JobListed(OfJob):
    """`outcomes` are those of the newest runs, the newest last."""

    ended: Time
    status: str
    runs: int
    outcomes: list[str]


class JobsFacts(Facts):
    """The one that ended last comes first. `cursor` asks for more, '' if there are none."""

    rows: list[JobListed]
    cursor: str


class RunEnd(OfOperation):
    """One run that ended; `duration` in seconds, `verdict` quick, usual, slow or ''; `error`: signature of `cause`."""

    name: str = Field(default="", exclude=True)  # as links to operations want it
    status: str
    ended: Time
    started: Time
    duration: float | None
    verdict: str
    priority: str
    error: str
    cause: str


class CauseFacts(Facts):
    """Failures of one cause: signature `error`, `words` and `operation` of the newest that is known."""

    error: str
    words: str
    operation: str
    count: int
    first: Time
    last: Time


class JobFacts(OfJob):
    """`low`, `median`, `high`: usual durations (seconds), None with fewer than five successes; `ends` newest first."""

    low: float | None
    high: float | None
    others: int
    causes: list[CauseFacts]
    ends: list[RunEnd]
    part: str = Field(exclude=True)  # of its operations' names, or their type: the list of operations finds them by it


async def jobs(context: Context, question: JobsQuestion) -> JobsFacts:
    history = Jobs(context.store)
    page = await existing(history.page(cursor=question.cursor, limit=MOST))
    ends = await history.ends_of_each([row.job for row in page.rows])
    return JobsFacts.merged(page, rows=[_listed(row, of_runs(some)) for row, some in zip(page.rows, ends, strict=True)])


def _listed(row: JobEnd, runs: tuple[Outcome, ...]) -> JobListed:
    return JobListed.merged(
        row.job, **_counted(runs), ended=row.ended, status=runs[-1].status if runs else "", runs=len(runs),
        outcomes=[end.status for end in runs[-20:]],
    )  # fmt: skip


def _counted(runs: Sequence[Outcome]) -> dict[str, float | None]:
    lasts = usual(runs)
    return {
        "succeeded": sum(end.succeeded for end in runs),
        "failed": sum(end.failed for end in runs),
        "failing": len(streaks(runs).failures),
        "median": lasts.median if lasts else None,
    }


async def job(context: Context, question: JobQuestion) -> JobFacts:
    meant = Job(question.platform, question.tenant, question.project, question.type, question.name, question.branch)
    history = Jobs(context.store)
    ends = of_runs(await history.ends(meant))
    if not ends:
        raise Unknown(f"No run of the job {meant.name} is known to have ended. Jobs are known for 90 days.")
    lasts, operations = usual(ends), await history.operations(ends)
    causes = await _causes(history, ends, operations)
    words = {row.error: row.words for row in causes}
    return JobFacts.merged(
        meant, **_counted(ends),
        low=lasts.low if lasts else None, high=lasts.high if lasts else None,
        others=sum(not end.succeeded and not end.failed for end in ends),
        causes=causes,
        ends=[_end(end, lasts, operations.get(end.run), words.get(end.error, "")) for end in reversed(ends)],
        part=meant.type if context.config().job else meant.part or meant.type,
    )  # fmt: skip


def _end(end: Outcome, lasts: Usual | None, o: Operation | None, cause: str) -> RunEnd:
    verdict = lasts.verdict(end.duration) if lasts and end.succeeded and end.duration is not None else ""
    return RunEnd.merged(
        Space.of(o.facts if o else {}), end, operation=o.subject if o else "", verdict=verdict, cause=cause
    )


async def _causes(history: Jobs, ends: Sequence[Outcome], operations: Mapping[str, Operation]) -> list[CauseFacts]:
    """Return the most frequent first."""
    failures, rows = [end for end in ends if end.failed], list[CauseFacts]()
    for error, count in Counter(end.error for end in failures).most_common(MOST_CAUSES):
        alike = [end for end in failures if end.error == error]
        newest = next((operations[end.run] for end in reversed(alike) if end.run in operations), None)
        rows.append(CauseFacts.merged(
            error=error, count=count, operation=newest.subject if newest else "",
            words=await history.error(newest.name) if newest else "",
            first=min(end.ended for end in alike), last=max(end.ended for end in alike),
        ))  # fmt: skip
    return rows
