"""Is everything reaching people? What goes on now, and what stands in the way."""

import asyncio
from collections.abc import Mapping
from datetime import datetime

from pydantic import Field, computed_field

from relay.console.desk import Desk
from relay.console.phrases import Phrase, phrase
from relay.console.times import moment
from relay.console.view import Facts, NoQuestion
from relay.console.views import parts
from relay.console.views.obstacles import Obstacle, obstacles
from relay.console.views.operations import OperationListed, listed
from relay.console.views.parts import ChannelHealth, DestinationHealth, SourceHealth, StoreHealth, Throttled
from relay.console.views.running import RunFacts, runs
from relay.console.words import said
from relay.domain.events import PRIORITIES
from relay.errors import StoreUnavailable
from relay.health import STRENGTHS
from relay.reasons import Held, sentences
from relay.store.operations import OperationRow, Operations
from relay.store.reachability import Reachability
from relay.store.running import Running
from relay.store.troubles import TroubleMemory

MOST, MOST_FAILURES = 50, 10  # runs, and failed operations, that are shown
DAY = 86_400.0
ONE_FAULT, ONE_FAILED = said("1 thing stands in the way"), said("1 operation failed in the last 24 hours")
PLACES = (
    said("accepted"), said("pending"), said("delivered"), said("superseded"), said("digested"), said("dead"),
    said("dropped"),
)  # fmt: skip
HELD = {f"held:{code}": sentence for code, sentence in sentences(Held).items()}


class Headline(Facts):
    """Is everything reaching people? `tone` is ok, warn or bad."""

    tone: str
    sentence: Phrase


class HealthFacts(Facts):
    """As `/readyz?verbose`: `checks` says of each part what is the matter, or "ok"."""

    ready: bool
    checks: dict[str, str]


class NowFacts(Facts):
    """`checks` says of each part of relay what is the matter; what is as it should be is not named.

    `obstacles` says the same in words, with what operators were told beside it. `failed` operations are those of the
    last 24 hours, of which `failures` has the gravest; `failed_since`: the look went back to then alone.
    """

    ready: bool
    checks: dict[str, str]
    obstacles: list[Obstacle]
    durability: str
    failed: int = 0
    failed_since: datetime | None = None
    failures: list[OperationListed] = Field(default_factory=list)
    running: int = 0
    stalled: int = 0
    waiting: dict[str, int] = Field(default_factory=dict)  # by channel
    oldest_due: datetime | None = None
    dead: int = 0
    quarantined: int = 0
    ledger: dict[str, int] = Field(
        default_factory=dict
    )  # deliveries by where they are; held:<code> is held for a reason
    imbalance: int = 0
    runs: list[RunFacts] = Field(default_factory=list)
    sources: list[SourceHealth] = Field(default_factory=list)
    channels: list[ChannelHealth] = Field(default_factory=list)
    destinations: list[DestinationHealth] = Field(default_factory=list)
    throttled: list[Throttled] = Field(default_factory=list)
    redis: StoreHealth | None = None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def headline(self) -> Headline:
        """Return the gravest of all this in a sentence."""
        tone, sentence = self.verdict
        return Headline(tone=tone, sentence=sentence)

    @property
    def verdict(self) -> tuple[str, Phrase]:
        """Return how bad it is (bad, warn, ok), and the headline: the gravest of all this."""
        faults, down = len(self.obstacles), any(row.state == "failing" for row in self.channels)
        if not self.ready:
            return "bad", phrase(said("relay takes no events now"))
        if faults:
            several = said("%(count)s things stand in the way")
            return "bad" if down else "warn", phrase(several if faults > 1 else ONE_FAULT, count=faults)
        if self.failed and not self.dead:
            several = said("%(count)s operations failed in the last 24 hours")
            return "warn", phrase(several if self.failed > 1 else ONE_FAILED, count=self.failed)
        if self.dead or self.stalled:
            return "warn", phrase(said("Messages go out, and some want a look"))
        return "ok", phrase(said("Everything is reaching people"))

    @property
    def held(self) -> dict[str, str]:
        """The sentences for held:<code>."""
        return {name: HELD[name] for name in self.ledger if name in HELD}


async def health(desk: Desk, _question: NoQuestion) -> HealthFacts:
    readiness = await desk.readiness()
    return HealthFacts(ready=readiness.ready, checks=dict(readiness.checks))


async def now(desk: Desk, _question: NoQuestion) -> NowFacts:
    """While Redis is away it says that, and nothing else."""
    readiness = await desk.readiness()
    checks = {name: text for name, text in readiness.checks.items() if text != "ok"}
    durability = checks.get("durability", "")
    if durability in (*STRENGTHS, "unknown"):  # else it is what Redis lacks
        del checks["durability"]
    facts = NowFacts(ready=readiness.ready, checks=checks, obstacles=obstacles(checks, {}), durability=durability)
    try:
        return await _asked(desk, facts) if readiness.checks.get("redis") == "ok" else facts
    except StoreUnavailable as error:
        away = {"redis": f"{error}"} | checks
        return facts.model_copy(update={"ready": False, "checks": away, "obstacles": obstacles(away, {})})


async def _asked(desk: Desk, facts: NowFacts) -> NowFacts:
    """With what the store says."""
    running, names = Running(desk.store), [*desk.config().channels]
    config, clock = desk.config(), desk.clock()
    counts, going, ledger, due, waiting, states = await asyncio.gather(
        running.counts(),
        running.some(MOST),
        desk.admin.ledger(),
        desk.admin.oldest_due(names),
        desk.admin.waiting(names, clock),
        Reachability(desk.store, partial=True).states(config, clock),
    )
    quarantined, remembered, failed, throttled, redis = await asyncio.gather(
        desk.admin.quarantine_size(),
        _remembered(desk),
        Operations(desk.store, partial=True).failed(clock - DAY),
        parts.throttled(desk),
        parts.redis(desk),
    )
    channels, destinations = await parts.channels(desk, states, waiting, due)
    return NowFacts(
        ready=facts.ready,
        checks=facts.checks,
        obstacles=obstacles(facts.checks, states, remembered, ledger.imbalance),
        durability=facts.durability,
        failed=len(failed.rows),
        failed_since=moment(failed.looked_to),
        failures=[listed(row) for row in sorted(failed.rows, key=_gravity)[:MOST_FAILURES]],
        running=counts.running,
        stalled=counts.stalled,
        waiting=waiting,
        oldest_due=parts.oldest(at for name, at in due.items() if waiting.get(name)),
        dead=ledger.counts.get("dead", 0),
        quarantined=quarantined,
        ledger=_places(ledger.counts),
        imbalance=ledger.imbalance,
        runs=await runs(desk, going),
        sources=parts.sources(desk),
        channels=channels,
        destinations=destinations,
        throttled=throttled,
        redis=redis,
    )


def _gravity(row: OperationRow) -> int:
    """Return the rank of its priority, Critical first; of the same priority the newest stays first."""
    return -PRIORITIES.index(row.priority) if row.priority in PRIORITIES else 0


async def _remembered(desk: Desk) -> str:
    """The troubles that relay's processes remember together; '' where that part of the store is away."""
    try:
        return (await TroubleMemory(desk.store).look()).text
    except StoreUnavailable:
        return ""


def _places(counts: Mapping[str, int]) -> dict[str, int]:
    """Where what was accepted is now: the counters that add up."""
    held = sorted(name for name in counts if name.startswith("held:"))
    return {name: counts[name] for name in (*PLACES, *held) if counts.get(name)}
