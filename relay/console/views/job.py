"""The history of a job: how long its runs take, how they end, and what fails them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import Field

from relay.console.chart import Chart, chart
from relay.console.desk import Desk
from relay.console.times import moment
from relay.console.view import Facts, Question, Unknown
from relay.console.words import said
from relay.domain.events import Outcome
from relay.domain.facts import NOWHERE
from relay.domain.jobs import Job
from relay.domain.outcomes import Usual, of_runs, streaks, usual, usual_phases
from relay.policy.missing import Missing
from relay.store.jobs import Jobs
from relay.store.run_names import RunName, RunNames

MOST_CAUSES = 10


class JobQuestion(Question):
    """A job is what its runs have in common, as `/api/v1/jobs` names it; # in its name stands for what differs."""

    platform: str = Field(default="", max_length=1000)
    tenant: str = Field(default="", max_length=1000)
    project: str = Field(default="", max_length=1000)
    type: str = Field(default="", max_length=1000)
    name: str = Field(default="", max_length=1000)


class RunEnd(Facts):
    """One run that ended; `duration` in seconds. `verdict` is quick, usual or slow beside the others, '' if unknown.

    `error` is the signature of what failed it: equal ones are of one cause. `operation` is its id, with whose that is;
    '' where relay does not know it any more.
    """

    status: str
    ended: datetime | None
    started: datetime | None
    duration: float | None
    verdict: str
    priority: str
    error: str
    operation: str
    tenant: str
    project: str
    platform: str
    name: str = Field(default="", exclude=True)  # as links to operations want it


class CauseFacts(Facts):
    """Failures of one cause. `error` is its signature, '' where none stated an error.

    `words` is what the newest of them said, where that is still kept; `operation` its id.
    """

    error: str
    words: str
    operation: str
    count: int
    first: datetime | None
    last: datetime | None


class PhaseFacts(Facts):
    """What a phase usually takes (seconds)."""

    name: str
    median: float


class JobFacts(Facts):
    """`low`, `median`, `high`: what its successes usually take (seconds), None with fewer than five.

    failing   so many failed in a row up to now
    missing   since when a run is missing of which people were told
    ends      the newest first
    """

    platform: str
    tenant: str
    project: str
    type: str
    name: str
    title: str
    low: float | None
    median: float | None
    high: float | None
    succeeded: int
    failed: int
    others: int
    failing: int
    missing: datetime | None
    phases: list[PhaseFacts]
    causes: list[CauseFacts]
    ends: list[RunEnd]
    drawn: Chart | None = Field(exclude=True)
    part: str = Field(exclude=True)  # of its operations' names, or their type: the list of operations finds them by it


async def job(desk: Desk, question: JobQuestion) -> JobFacts:
    meant = Job(question.platform, question.tenant, question.project, question.type, question.name)
    history = Jobs(desk.store)
    ends = of_runs(await history.ends(meant))
    if not ends:
        raise Unknown(
            said("No run of the job %(name)s is known to have ended. Jobs are known for 90 days."), name=meant.name
        )
    lasts = usual(ends)
    names = await RunNames(desk.store).of(ends)
    return JobFacts(
        **meant._asdict(),
        title=meant.title,
        low=lasts.low if lasts else None,
        median=lasts.median if lasts else None,
        high=lasts.high if lasts else None,
        succeeded=sum(end.succeeded for end in ends),
        failed=sum(end.failed for end in ends),
        others=sum(not end.succeeded and not end.failed for end in ends),
        failing=len(streaks(ends).failures),
        missing=await _missing(history, meant),
        phases=[PhaseFacts(name=name, median=seconds) for name, seconds in usual_phases(ends).items()],
        causes=await _causes(desk, ends, names),
        ends=[_end(end, lasts, names.get(end.run)) for end in reversed(ends)],
        drawn=chart(ends, lasts),
        part=meant.type if desk.config().job else meant.part or meant.type,
    )


async def _missing(history: Jobs, meant: Job) -> datetime | None:
    for text in (await history.missing()).values():
        try:
            missing = Missing.load(text)
        except (ValueError, KeyError, TypeError):
            continue
        if missing.job == meant:
            return moment(missing.since)
    return None


def _end(end: Outcome, lasts: Usual | None, named: RunName | None) -> RunEnd:
    return RunEnd(
        status=end.status,
        ended=moment(end.ended),
        started=moment(end.started),
        duration=end.duration,
        verdict=lasts.verdict(end.duration) if lasts and end.succeeded and end.duration is not None else "",
        priority=end.priority,
        error=end.error,
        operation=named.subject if named else "",
        **(named.space if named else NOWHERE)._asdict(),
    )


async def _causes(desk: Desk, ends: Sequence[Outcome], names: Mapping[str, RunName]) -> list[CauseFacts]:
    """The most frequent first."""
    failures = [end for end in ends if end.failed]
    rows = []
    for error, count in Counter(end.error for end in failures).most_common(MOST_CAUSES):
        alike = [end for end in failures if end.error == error]
        newest = next((names[end.run] for end in reversed(alike) if end.run in names), None)
        rows.append(
            CauseFacts(
                error=error,
                words=await RunNames(desk.store).error(newest.operation) if newest else "",
                operation=newest.subject if newest else "",
                count=count,
                first=moment(min(end.ended for end in alike)),
                last=moment(max(end.ended for end in alike)),
            )
        )
    return rows
