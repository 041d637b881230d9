"""The jobs whose runs ended last: how each fares."""

from datetime import datetime

from pydantic import Field

from relay.console.desk import Desk
from relay.console.times import moment
from relay.console.view import Facts, Question, Unknown
from relay.console.words import NO_PAGE
from relay.domain.events import Outcome
from relay.domain.jobs import Job
from relay.domain.outcomes import of_runs, streaks, usual
from relay.store.jobs import Jobs

MOST = 25


class JobsQuestion(Question):
    """`cursor` is that of the page before."""

    cursor: str = Field(default="", max_length=100)


class JobListed(Facts):
    """Of its last runs, up to 50: how many there are, how they ended, and what is usual (seconds).

    `failing`: so many failed in a row up to now. `outcomes` are the newest last.
    """

    platform: str
    tenant: str
    project: str
    type: str
    name: str
    title: str
    ended: datetime | None
    status: str
    runs: int
    succeeded: int
    failed: int
    failing: int
    median: float | None
    outcomes: list[str]


class JobsFacts(Facts):
    """The one that ended last comes first. `cursor` asks for more, '' if there are none."""

    rows: list[JobListed]
    cursor: str


async def jobs(desk: Desk, question: JobsQuestion) -> JobsFacts:
    history = Jobs(desk.store)
    try:
        page = await history.page(cursor=question.cursor, most=MOST)
    except ValueError:
        raise Unknown(NO_PAGE) from None
    ends = await history.ends_of_each([row.job for row in page.rows])
    rows = [_row(row.job, row.ended, of_runs(some)) for row, some in zip(page.rows, ends, strict=True)]
    return JobsFacts(rows=rows, cursor=page.cursor)


def _row(job: Job, ended: float, runs: tuple[Outcome, ...]) -> JobListed:
    lasts = usual(runs)
    return JobListed(
        **job._asdict(),
        title=job.title,
        ended=moment(ended),
        status=runs[-1].status if runs else "",
        runs=len(runs),
        succeeded=sum(end.succeeded for end in runs),
        failed=sum(end.failed for end in runs),
        failing=len(streaks(runs).failures),
        median=lasts.median if lasts else None,
        outcomes=[end.status for end in runs[-20:]],
    )
