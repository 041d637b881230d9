"""The first page: obstacles, recent failures with their recipients, active runs, and relay's parts."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import Field, computed_field

from relay.background.figures import PROMISES
from relay.config import Config
from relay.console.context import Context
from relay.console.facts import N_, Facts, NoQuestion, OfOperation, Phrase, Time, phrase
from relay.console.views import health
from relay.console.views.health import ChannelHealth, DestinationHealth, StoreHealth
from relay.console.views.obstacles import Obstacle, SourceHealth, obstacles, sources
from relay.console.views.operations import OperationListed, RunFacts, Told, listed, runs
from relay.console.views.verdicts import Around, verdicts
from relay.domain.events import FAILED, PRIORITIES
from relay.domain.identity import by_cause
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
ONE_FAULT, ONE_FAILED = N_("1 thing stands in the way"), N_("1 run failed in the last 24 hours")
ONE_STALLED = N_("1 run is stalled")


class Headline(Facts):
    """Is everything reaching people? `tone` is ok, warn or bad; `sentences` are one, joined by commas."""

    tone: str
    sentences: list[Phrase]


class HealthFacts(Facts):
    """Answer of `/readyz?verbose`: `checks` has each part's error, or "ok"."""

    ready: bool
    checks: dict[str, str]


class Failure(OperationListed):
    """The gravest of `count` failures of one cause, the newest of these; `others` of them, as many as are named."""

    count: int
    others: list[OfOperation]


class NowFacts(Facts):
    """`checks` of relay's parts that are not ok; `obstacles` the same in words, with remedies.

    `failed` operations of the last 24 hours (back to `failed_since`), the gravest causes in `failures`; `waiting` by
    channel, `pending` also what goes out later.
    """

    ready: bool
    checks: dict[str, str]
    obstacles: list[Obstacle]
    durability: str
    failed: int = 0
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

    @computed_field  # type: ignore[prop-decorator]
    @property
    def headline(self) -> Headline:
        """Return the gravest of all this in a sentence."""
        faults, down = len(self.obstacles), any(row.state == "failing" for row in self.channels)
        tone, sentences = "ok", [phrase(N_("Everything is reaching people"))]
        if not self.ready:
            tone, sentences = "bad", [phrase(N_("relay takes no events now"))]
        elif faults:
            several = N_("%(count)s things stand in the way")
            tone, sentences = "bad" if down else "warn", [phrase(several if faults > 1 else ONE_FAULT, count=faults)]
        elif self.dead:
            tone, sentences = "warn", [phrase(N_("Messages go out, and some want a look"))]
        elif self.stalled or self.failed:
            tone, sentences = "warn", [*self._wrong()]
        elif untried := [row.name for row in self.channels if row.state == "never_tried"]:
            tone, sentences = "warn", [phrase(N_("Nothing was sent yet by %(channels)s"), channels=", ".join(untried))]
        return Headline(tone=tone, sentences=sentences)

    def _wrong(self) -> Iterator[Phrase]:
        for count, one, several in (
            (self.stalled, ONE_STALLED, N_("%(count)s runs are stalled")),
            (self.failed, ONE_FAILED, N_("%(count)s runs failed in the last 24 hours")),
        ):
            if count:
                yield phrase(several if count > 1 else one, count=count)


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
        context.store.quarantine.size(),
        Jobs(context.store).missing(),
        _remembered(context),
        operations.failed(clock - DAY),
        health.redis(context),
    )
    gravest = _by_cause(failed.rows)[:MOST_FAILURES]
    stalled = [row.operation for row in going if row.operation.state == "stalled"]
    # Of failures of one cause the first was told: the others were told with it.
    told = await _told(context, [row.operation for row in (*stalled, *(rows[n] for rows in gravest for n in (0, -1)))])
    return NowFacts.merged(
        facts,
        counts,
        obstacles=obstacles(facts.checks, states, remembered, ledger.imbalance, missing.values()),
        failed=len(failed.rows),
        failed_since=failed.looked_to,
        failures=[_alike(config, rows, told) for rows in gravest],
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


def _by_cause(failed: Sequence[OperationRow]) -> list[list[OperationRow]]:
    """Group failures by their causes, each without one by itself: the gravest first, of these the largest group."""
    ordered = {row.operation: row for row in sorted(failed, key=_gravity)[:MOST_GROUPED]}
    groups = by_cause([{"error": "; ".join(row.causes), "status": name} for name, row in ordered.items()])
    rows = [[ordered[row["status"]] for row in group] for group in groups]
    return sorted(rows, key=lambda group: _gravity(group[0]))


def _alike(config: Config, rows: Sequence[OperationRow], told: Mapping[str, list[Told]]) -> Failure:
    first, last = told[rows[0].operation], told[rows[-1].operation]
    reached = {row.destination: row for row in (*first, *(row for row in last if row.state == "told"))}
    others = [OfOperation.merged(row, operation=row.subject) for row in rows[1 : 1 + MOST_ALIKE]]
    row = listed(config, rows[0], told=[*reached.values()])
    return Failure.merged(row, count=len(rows), others=others)


def _is_grave(line: Mapping[str, Any]) -> bool:
    return line.get("status") in FAILED or line.get("event") == "operation.stalled"


def _gravity(row: OperationRow) -> int:
    """Return the rank of its priority, Critical first; of the same priority the newest stays first."""
    return -PRIORITIES.index(row.priority) if row.priority in PRIORITIES else 0


async def _remembered(context: Context) -> str:
    """Return the troubles that relay's processes remember together; '' where that part of the store is away."""
    try:
        return (await TroubleMemory(context.store).look()).text
    except StoreUnavailable:
        return ""
