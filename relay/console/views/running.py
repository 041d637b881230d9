"""The runs that go on, as pages show them: how far, in which phase, whether they end as usual, and what is stalled."""

from collections.abc import Sequence
from datetime import UTC, datetime

from relay.console.desk import Desk
from relay.console.phrases import Phrase, phrase
from relay.console.times import moment
from relay.console.view import Facts
from relay.console.words import said
from relay.domain.events import Outcome
from relay.domain.outcomes import usual
from relay.store.jobs import Jobs
from relay.store.running import Goes

# What the watchdog's rules have found, each followed by since when.
STALLED = {
    "silent": said("nothing was heard of it since"),
    "flat": said("it has not moved since"),
    "overdue": said("by its own estimate it should have ended"),
    "deadline": said("its deadline was"),
    "slow": said("by its other runs it should have ended"),
    "missing": said("it should have begun"),
}


class RunFacts(Facts):
    """A run that goes on. Times are in UTC; `ends` is when runs of its job usually end."""

    operation: str
    tenant: str
    project: str
    platform: str
    name: str
    type: str
    priority: str
    status: str
    percentage: float | None
    phase: str
    started: datetime | None
    heard: datetime
    ends: datetime | None
    late: bool
    stalled: str  # the rule whose alarm is open, '' for none
    stalled_since: datetime | None
    trouble: Phrase | None  # what that rule has found


async def runs(desk: Desk, rows: Sequence[Goes]) -> list[RunFacts]:
    """Those that are stalled first, as the store gives them."""
    jobs = [*dict.fromkeys(row.run.job for row in rows if row.run.job)]
    ends = dict(zip(jobs, await Jobs(desk.store).ends_of_each(jobs), strict=True)) if jobs else {}
    return [_run(desk.clock(), row, ends[row.run.job] if row.run.job else ()) for row in rows]


def _run(now: float, row: Goes, before: tuple[Outcome, ...]) -> RunFacts:
    run = row.run
    lasts = usual(before) if run.started is not None else None
    rule = run.alarms.shown if row.stalled else ""
    alarm = run.alarms.open.get(rule)
    return RunFacts(
        operation=row.subject,
        tenant=row.space.tenant,
        project=row.space.project,
        platform=row.space.platform,
        name=row.title,
        type=row.type,
        priority=row.priority,
        status=row.status,
        percentage=row.percentage,
        phase=row.phase,
        started=moment(run.started),
        heard=datetime.fromtimestamp(row.heard, UTC),
        ends=moment(run.started + lasts.median) if lasts and run.started is not None else None,
        late=bool(lasts and run.started is not None and now > run.started + lasts.high + lasts.tolerance),
        stalled=rule,
        stalled_since=moment(alarm.since) if alarm else None,
        trouble=phrase(STALLED[rule]) if rule in STALLED else None,
    )
