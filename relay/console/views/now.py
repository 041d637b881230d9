"""The first page: obstacles, recent failures with their recipients, active runs, and relay's parts."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field, computed_field

from relay.background.figures import PROMISES
from relay.config import Config
from relay.console.context import Context
from relay.console.facts import Facts, NoQuestion, OfOperation, Time
from relay.console.views import health
from relay.console.views.health import ChannelHealth, DestinationHealth, StoreHealth
from relay.console.views.obstacles import Obstacle, SourceHealth, obstacles, sources
from relay.console.views.operations import OperationListed, RunFacts, Told, listed, runs
from relay.console.views.verdicts import Around, verdicts
from relay.domain.events import FAILED, PRIORITIES
from relay.domain.identity import by_cause
from relay.domain.jobs import fold
from relay.domain.outcomes import of_runs, streaks
from relay.errors import StoreUnavailable
from relay.operating.timeline import lines_in
from relay.store.queries.jobs import Jobs
from relay.store.queries.operations import OperationRow, Operations
from relay.store.queries.reachability import Reachability
from relay.store.queries.runs import TroubleMemory

MOST, MOST_FAILURES = 50, 10  # runs, and failed operations, that are shown
DAY = 86_400.0
MOST_ALIKE = 20  # failures of one cause that are named
MOST_GROUPED = 1000  # failures, the gravest, that are grouped: that takes 40 ms
LAST_ENDS = 10  # of a job, which say whether it works again
TONES = ("ok", "warn", "bad")


class Headline(Facts):
    """Is everything reaching people? `tone` is ok, warn or bad; `sentences` are one, joined by commas."""

    tone: str
    sentences: list[str]


class HealthFacts(Facts):
    """Answer of `/readyz?verbose`: `checks` has each part's error, or "ok"."""

    ready: bool
    checks: dict[str, str]


class Failure(OperationListed):
    """The gravest of `count` failures of one cause, the newest of these; `others` of them, as many as are named.

    `recovered`: runs of all their jobs have completed since.
    """

    count: int
    recovered: bool
    others: list[OfOperation]


class Stalled(RunFacts):
    """The newest of `count` stalled runs of one job that one rule found; `others` of them."""

    count: int = 1
    others: list[OfOperation] = Field(default_factory=list)


class NowFacts(Facts):
    """`checks` of relay's parts that are not ok; `obstacles` the same in words, with remedies.

    `failed` operations of the last 24 hours (back to `failed_since`), of which `recovered`; the gravest causes in
    `failures`, those that fail now first; `waiting` by channel, `pending` also what goes out later.
    """

    ready: bool
    checks: dict[str, str]
    obstacles: list[Obstacle]
    durability: str
    failed: int = 0
    recovered: int = 0
    failed_since: Time = None
    failures: list[Failure] = Field(default_factory=list)
    running: int = 0
    stalled: int = 0
    waiting: dict[str, int] = Field(default_factory=dict)
    oldest_due: Time = None
    dead: int = 0
    quarantined: int = 0
    pending: int = 0
    runs: list[RunFacts] = Field(default_factory=list)
    sources: list[SourceHealth] = Field(default_factory=list)
    channels: list[ChannelHealth] = Field(default_factory=list)
    destinations: list[DestinationHealth] = Field(default_factory=list)
    redis: StoreHealth | None = None

    @property
    def wrong(self) -> list[Stalled | Failure]:
        """Return what fails or is stalled, a row a cause or a job: the gravest first, what works again last."""
        jobs: dict[tuple[str, ...], list[RunFacts]] = {}
        for run in self.runs if self.stalled else ():
            job = (run.stalled, run.platform, run.tenant, run.project, run.type, fold(run.name) or run.operation)
            jobs.setdefault(job, []).append(run)
        stalled = [
            Stalled.merged(rows[0], count=len(rows), others=rows[1 : 1 + MOST_ALIKE])
            for (rule, *_), rows in jobs.items()
            if rule
        ]
        failing: list[Stalled | Failure] = [row for row in self.failures if not row.recovered]
        failing.extend(stalled)
        return [*sorted(failing, key=_gravity), *(row for row in self.failures if row.recovered)]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def headline(self) -> Headline:
        """Return all that is wrong, by the colour of the gravest."""
        if not self.ready:
            return Headline(tone="bad", sentences=["relay takes no events now"])
        if wrong := [*self._wrong()]:
            tones, sentences = zip(*wrong, strict=True)
            return Headline(tone=max(tones, key=TONES.index), sentences=[*sentences])
        if untried := [row.name for row in self.channels if row.state == "never_tried"]:
            sentence = f"Nothing was sent yet by {', '.join(untried)}"
            return Headline(tone="warn", sentences=[sentence])
        return Headline(tone="ok", sentences=["Everything is reaching people"])

    def _wrong(self) -> Iterator[tuple[str, str]]:
        """Yield each with its colour: what failed is bad, what needs attention warns."""
        states = {row.state for row in self.channels} | {row.state for row in self.destinations}
        faults, failing = len(self.obstacles), self.failed - self.recovered
        for tone, count, singular, several in (
            ("bad" if "failing" in states else "warn", faults, "thing needs attention", "things need attention"),
            ("bad", self.dead, "message became a dead letter", "messages became dead letters"),
            ("warn", self.stalled, "run is stalled", "runs are stalled"),
            (
                "bad" if failing else "ok",
                self.failed,
                "run failed in the last 24 hours",
                "runs failed in the last 24 hours",
            ),
            ("ok", self.recovered if failing else 0, "of them works again", "of them work again"),
        ):
            if count:
                yield tone, f"{count} {singular if count == 1 else several}"
        if self.recovered and not failing:
            yield "ok", "it works again" if self.recovered == 1 else "all of them work again"


async def health_checks(context: Context, _question: NoQuestion) -> HealthFacts:
    return HealthFacts.merged(await context.readiness())


async def now(context: Context, _question: NoQuestion) -> NowFacts:
    """While Redis is away it says that, and nothing else."""
    readiness = await context.readiness()
    checks = {name: text for name, text in readiness.checks.items() if text != "ok"}
    durability = checks.get("durability", "")
    if durability in (*PROMISES, "unknown"):  # else it is what Redis lacks
        del checks["durability"]
    facts = NowFacts(ready=readiness.ready, checks=checks, obstacles=obstacles(checks, {}), durability=durability)
    try:
        return await _with_store(context, facts) if readiness.checks.get("redis") == "ok" else facts
    except StoreUnavailable as error:
        away = {"redis": f"{error}"} | checks
        return NowFacts(ready=False, checks=away, obstacles=obstacles(away, {}), durability=durability)


async def _with_store(context: Context, facts: NowFacts) -> NowFacts:
    """Return them with what the store says."""
    operations, config, clock = Operations(context.store), context.config(), context.clock()
    names = [*config.channels]
    counts, going, ledger, due, waiting, states = await asyncio.gather(
        operations.counts(),
        operations.running(MOST),
        context.admin.ledger(),
        context.admin.oldest_due(names),
        context.admin.waiting(names, clock),
        Reachability(context.store).states(config, clock),
    )
    quarantined, missing, remembered, failed, redis = await asyncio.gather(
        context.store.bodies.size(),
        Jobs(context.store).missing(),
        _remembered(context),
        operations.failed(clock - DAY),
        health.redis(context),
    )
    recovered = await _recovered(context, failed.rows)
    gravest = _by_cause(failed.rows, recovered)[:MOST_FAILURES]
    stalled = [row.operation for row in going if row.operation.state == "stalled"]
    # Of failures of one cause the first was told: the others were told with it.
    told = await _told(context, [row.operation for row in (*stalled, *(rows[n] for rows in gravest for n in (0, -1)))])
    return NowFacts.merged(
        facts,
        counts,
        obstacles=obstacles(facts.checks, states, remembered, ledger.imbalance, missing.values()),
        failed=len(failed.rows),
        recovered=len(recovered),
        failed_since=failed.looked_to,
        failures=[_alike(config, rows, told, recovered) for rows in gravest],
        waiting=waiting,
        oldest_due=min((at for name, at in due.items() if waiting.get(name)), default=None),
        dead=ledger.counts.get("dead", 0),
        quarantined=quarantined,
        pending=ledger.counts.get("pending", 0),
        runs=await runs(context, going, told),
        sources=sources(context),
        channels=health.channels_of(config, states, waiting, due),
        destinations=await health.destinations_of(context, states, [*config.destinations]),
        redis=redis,
    )


async def _told(context: Context, operations: Sequence[str]) -> dict[str, list[Told]]:
    """Return by operation what became of its newest failure or alarm at each destination."""
    told: dict[str, list[Told]] = {}
    operations = [*dict.fromkeys(operations)]
    for name, story in zip(operations, await context.admin.stories(operations), strict=True):
        lines = [*lines_in(story)]
        grave = [n for n, line in enumerate(lines) if line["what"] == "accepted" and _is_grave(line)]
        rows = verdicts(lines[grave[-1] :] if grave else lines, Around())
        told[name] = [Told.merged(row) for row in rows]
    return told


def _by_cause(failed: Sequence[OperationRow], recovered: Collection[str]) -> list[list[OperationRow]]:
    """Group failures by their causes, each without one by itself: the gravest first, of these the largest group.

    Those that fail now go before all that work again, in each group and of the groups.
    """

    def rank(row: OperationRow) -> tuple[bool, int]:
        return row.operation in recovered, _gravity(row)

    ordered = {row.operation: row for row in sorted(failed, key=rank)[:MOST_GROUPED]}
    groups = by_cause([{"error": "; ".join(row.causes), "status": name} for name, row in ordered.items()])
    rows = [[ordered[row["status"]] for row in group] for group in groups]
    return sorted(rows, key=lambda group: rank(group[0]))


async def _recovered(context: Context, failed: Sequence[OperationRow]) -> set[str]:
    """Return those of a job whose newest run completed."""
    jobs = {row.operation: row.job for row in failed if row.job}
    listed = [*dict.fromkeys(jobs.values())][:MOST_GROUPED]
    ends = await Jobs(context.store).ends_of_each(listed, LAST_ENDS)
    well = {job for job, its in zip(listed, ends, strict=True) if streaks(of_runs(its)).successes}
    return {operation for operation, job in jobs.items() if job in well}


def _alike(
    config: Config, rows: Sequence[OperationRow], told: Mapping[str, list[Told]], recovered: Collection[str]
) -> Failure:
    first, last = told[rows[0].operation], told[rows[-1].operation]
    reached = {row.destination: row for row in (*first, *(row for row in last if row.state == "told"))}
    others = [OfOperation.merged(row, operation=row.subject) for row in rows[1 : 1 + MOST_ALIKE]]
    row = listed(config, rows[0], told=[*reached.values()])
    return Failure.merged(row, count=len(rows), recovered=rows[0].operation in recovered, others=others)


def _is_grave(line: Mapping[str, Any]) -> bool:
    return line.get("status") in FAILED or line.get("event") == "operation.stalled"


def _gravity(row: OperationRow | OperationListed) -> int:
    """Return the rank of its priority, Critical first; of the same priority the newest stays first."""
    return -PRIORITIES.index(row.priority) if row.priority in PRIORITIES else 0


async def _remembered(context: Context) -> str:
    """Return the troubles that relay's processes remember together; '' where that part of the store is away."""
    try:
        return (await TroubleMemory(context.store).look()).text
    except StoreUnavailable:
        return ""
