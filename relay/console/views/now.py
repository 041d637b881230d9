"""Is everything reaching people? What goes on now, and what stands in the way."""

from collections.abc import Mapping
from datetime import UTC, datetime

from relay.console.desk import Desk
from relay.console.view import Facts, NoQuestion
from relay.domain.usual import usual
from relay.store.jobs import Jobs
from relay.store.running import Goes, Running

MOST = 50  # runs that are shown


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


class NowFacts(Facts):
    """`checks` says of each part of relay what is the matter; what is as it should be is not named."""

    ready: bool
    checks: dict[str, str]
    durability: str
    running: int
    stalled: int
    waiting: dict[str, int]  # by channel
    oldest_due: datetime | None
    dead: int
    quarantined: int
    ledger: dict[str, int]
    imbalance: int
    runs: list[RunFacts]


async def now(desk: Desk, _question: NoQuestion) -> NowFacts:
    readiness = await desk.readiness()
    running = Running(desk.store)
    counts = await running.counts()
    ledger = await desk.admin.ledger()
    channels = [*desk.config().channels]
    oldest = min((await desk.admin.oldest_due(channels)).values(), default=None)
    checks = dict(readiness.checks)
    durability = checks.pop("durability", "")
    runs = [await _run(desk, row) for row in await running.some(MOST)]
    return NowFacts(
        ready=readiness.ready,
        checks={name: text for name, text in checks.items() if text != "ok"},
        durability=durability,
        running=counts.running,
        stalled=counts.stalled,
        waiting=await desk.admin.queued(channels),
        oldest_due=_moment(oldest),
        dead=ledger.counts.get("dead", 0),
        quarantined=await desk.admin.quarantine_size(),
        ledger=_places(ledger.counts),
        imbalance=ledger.imbalance,
        runs=runs,
    )


async def _run(desk: Desk, row: Goes) -> RunFacts:
    started = row.run.started
    lasts = usual(await Jobs(desk.store).ends(row.run.job)) if row.run.job and started is not None else None
    ends = started + lasts.median if lasts and started is not None else None
    late = bool(lasts and started is not None and desk.clock() > started + lasts.high + lasts.tolerance)
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
        started=_moment(started),
        heard=datetime.fromtimestamp(row.heard, UTC),
        ends=_moment(ends),
        late=late,
        stalled=row.run.alarms.shown if row.stalled else "",
    )


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _places(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in sorted(counts.items()) if count}
