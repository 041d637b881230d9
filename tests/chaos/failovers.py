"""What failovers by Sentinel cost a relay under load: events lost, messages told twice, seconds until accepted again.

A primary, two replicas and three Sentinels, `durability: replicated`, and one whole relay, to which six senders send
events until each is answered 2xx. The failovers are in turn by kill -9 of the primary, which is started again
afterwards, as its supervisor would, and planned (SENTINEL FAILOVER). The Sentinels call a primary down after 1 s.

`composed`: in each round one replica is replaced while the other one is promoted, and something is killed meanwhile.
In the end every acknowledged event is sent again; one that is taken as new was lost.
"""

import asyncio
import contextlib
import random
import statistics
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from relay.store.queries.admin import Ledger
from tests.chaos.test_kills import SEED, Load
from tests.support.ports import own_host
from tests.support.running import RunningRelay
from tests.support.sentinels import Watched, watched
from tests.support.stage import CONFIG, Surroundings, surroundings
from tests.support.waiting import until

BETWEEN = 20  # events answered 2xx before a failover, and after it
STANDSTILL = 5.0  # seconds without a mail after which there should be none left
VICTIMS = ("nobody", "relay", "old primary", "joiner", "new primary")  # of a kill -9 in a composed round
READERS = ("english@example.com", "german@example.com")


@dataclass
class Report:
    """What was seen. `repeats` may not be more than `unknown`: the outcomes that nobody could know."""

    acknowledged: int = 0
    refused: int = 0
    lost: int = 0
    repeats: int = 0
    unknown: int = 0
    dead: int = 0
    imbalance: int = 0
    pauses: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))  # by what was done

    def __str__(self) -> str:
        lines = [
            f"{self.acknowledged} events acknowledged, {self.refused} times 503, {self.lost} lost; "
            f"{self.repeats} messages told twice, of {self.unknown} unknown outcomes; {self.dead} dead letters"
        ]
        for kind, seconds in self.pauses.items():
            if seconds:
                middle, worst = statistics.median(seconds), max(seconds)
                lines.append(f"{kind}: {len(seconds)} times, accepted again after {middle:.1f} s, worst {worst:.1f} s")
        return "\n".join(lines)


async def failovers(count: int, *, quick: bool = False) -> Report:
    """`quick`: the Sentinels look around more often than they do by themselves."""
    report = Report()
    async with _loaded(report, quick=quick) as (group, _, load):
        for number in range(count):
            kind = "planned" if number % 2 else "killed"
            report.pauses[kind].append(await _one(group, load, kind))
    return report


async def composed(rounds: int, *, seed: int = SEED) -> Report:
    """Each round draws when the replica joins and what is killed; as many rounds as there are of both meet all."""
    report, pick = Report(), random.Random(seed)
    combinations = [(early, victim) for early in (True, False) for victim in VICTIMS]
    order = [combination for _ in range(rounds) for combination in combinations][:rounds]
    pick.shuffle(order)
    async with _loaded(report, quick=False) as (group, relay, load):
        for early, victim in order:
            report.pauses[victim].append(await _round(group, relay, load, pick, early=early, victim=victim))
    return report


@contextlib.asynccontextmanager
async def _loaded(report: Report, *, quick: bool) -> AsyncIterator[tuple[Watched, RunningRelay, Load]]:
    async with watched(quick=quick) as group, surroundings(group.url, RELAY_HOST=own_host()) as around:
        with tempfile.TemporaryDirectory(prefix="relay-") as directory:
            async with RunningRelay(configuration(directory), around.env) as relay:
                around.inbox.mails = deque()  # all of them, however many
                load = Load(relay)
                async with load.sending():
                    await load.more(BETWEEN)
                    yield group, relay, load
                await count_all(report, around, load)


def configuration(directory: str | Path, *, durability: str = "replicated") -> Path:
    """The stage's, with a promise that a failover keeps, unless another is named."""
    config = Path(directory, "relay.yaml")
    config.write_text(f"{CONFIG.read_text('utf-8')}\nredis: {{durability: {durability}}}\n", "utf-8")
    return config


async def _one(group: Watched, load: Load, kind: str) -> float:
    """One failover; the longest time without an event accepted."""
    watching = asyncio.create_task(longest_pause(load))
    before = await group.primary()
    if kind == "planned":
        await group.fail_over()
    else:
        await group.kill_primary()
        await group.replaced(before)
    await load.more(BETWEEN)
    watching.cancel()
    [pause] = await asyncio.gather(watching)
    if kind == "killed":
        group.servers[before].start()
    await group.settled()
    await load.more(BETWEEN)
    return pause


async def _round(
    group: Watched, relay: RunningRelay, load: Load, pick: random.Random, *, early: bool, victim: str
) -> float:
    """A replica is replaced while the other one is promoted; the longest time without an event accepted."""
    watching = asyncio.create_task(longest_pause(load))
    before = await group.primary()
    joiner = pick.choice([port for port in group.servers if port != before])
    group.servers[joiner].kill()
    await load.more(BETWEEN)  # which the other one alone confirms
    if early:
        await group.join(joiner, before)
    failing_over = asyncio.create_task(group.fail_over())
    await until(lambda: group.promoted(before))
    if not early:
        await group.join(joiner, before)
    if victim == "relay":
        await relay.kill()
        await relay.start()
    elif victim in ("old primary", "joiner"):
        group.servers[before if victim == "old primary" else joiner].kill()
    after = await failing_over
    await load.more(pick.randrange(1, BETWEEN))
    if victim == "new primary":
        group.servers[after].kill()
        await group.replaced(after)
    await load.more(BETWEEN)
    watching.cancel()
    [pause] = await asyncio.gather(watching)
    for port, server in group.servers.items():
        if not server.running:
            await group.join(port, await group.primary())
    await group.settled()
    await load.more(BETWEEN)
    return pause


async def longest_pause(load: Load) -> float:
    longest, last = 0.0, time.monotonic()
    try:
        while True:
            await load.more(1)
            now = time.monotonic()
            longest, last = max(longest, now - last), now
    except asyncio.CancelledError:
        return longest


async def _told(around: Surroundings) -> Ledger:
    """The ledger, once nothing is pending: senders are faster than mails, so it may take minutes, but never stands."""
    while (ledger := await around.ledger()).counts.get("pending", 0):
        seen = len(around.inbox.mails)
        with contextlib.suppress(TimeoutError):  # the last one has arrived, and is being settled
            await around.inbox.wait_for(lambda seen=seen: len(around.inbox.mails) > seen, STANDSTILL)
        if len(around.inbox.mails) == seen:
            return await around.settled()
    return ledger


async def count_all(report: Report, around: Surroundings, load: Load) -> None:
    """Once everything is told: what each reader has, against what was acknowledged."""
    ledger = await _told(around)
    mails = Counter((mail.recipient, mail.id) for mail in around.inbox.mails)
    told = Counter(recipient for recipient, _ in mails)
    report.acknowledged = len(load.acknowledged)
    report.dead = ledger.counts.get("dead", 0)
    untold = sum(max(0, ledger.counts["events"] - told[reader]) for reader in READERS)
    report.refused = load.statuses[503]
    report.lost = len(await load.lost()) + max(0, untold - report.dead)
    report.repeats = sum(count - 1 for count in mails.values())
    report.unknown = ledger.counts.get("unknown_outcomes", 0)
    report.imbalance = ledger.imbalance
