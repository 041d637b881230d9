"""Disasters of two relays at work and of the Redis that they share, one or two at once, and what they cost.

Redis is alone, watched by Sentinels, or a Cluster. After every few rounds all is well again, and accounts are made:
every acknowledged event is sent again, and one that is taken as new was lost; a mail may be there twice only after an
outcome that nobody could know, and a message in Slack, which can be asked for, never.
"""

import asyncio
import contextlib
import random
import re
import signal
import statistics
import tempfile
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from relay.engine.receipts import LONGEST_DELAY
from relay.errors import StoreUnavailable
from relay.store.journal.lease import LASTS
from relay.store.keys import PREFIX
from relay.store.queries.admin import Ledger
from tests.chaos.load import DURABLE, SEED, Load
from tests.support.clusters import clustered
from tests.support.patience import busyness
from tests.support.ports import own_host
from tests.support.redis_server import RedisServer
from tests.support.running import RunningRelay
from tests.support.sentinels import watched
from tests.support.stage import CONFIG, Surroundings, surroundings
from tests.support.traffic import run_of
from tests.support.waiting import until

PART = 10  # rounds between two accounts
BETWEEN = 12  # events answered 2xx before and after each round
APART = (0.0, 0.3, 1.2)  # seconds between two disasters
BEYOND = LASTS + 1.5  # seconds after which another process may own what a silent one did
STANDSTILL = 8.0  # seconds without a mail after which there should be none left
GRACE = 10.0  # seconds of a stop
AFTER = 2.0  # seconds more that the journal and the audit trail may wait for a Redis that is away
MOST_NODES = 13
READERS = ("english@example.com", "german@example.com")


@dataclass
class Report:
    """What was seen. `counts`: of all parts; `faults`: what must not be; `pauses`: by what befell them."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    pauses: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def __str__(self) -> str:
        lines = [", ".join(f"{count} {name}" for name, count in self.counts.items())]
        for kind, seconds in sorted(self.pauses.items()):
            middle, worst = statistics.median(seconds), max(seconds)
            lines.append(f"{kind}: {len(seconds)} times, accepted again after {middle:.1f} s, worst {worst:.1f} s")
        return "\n".join([*lines, *self.faults])


@dataclass
class Stand:
    """Two relays on one Redis, whose servers are `group`."""

    store: "Store"
    group: Any
    around: Surroundings
    relays: list[RunningRelay]
    load: Load
    pick: random.Random
    report: Report = field(default_factory=Report)

    def __post_init__(self) -> None:
        self.locks = {relay: asyncio.Lock() for relay in self.relays}

    def other(self, relay: RunningRelay) -> RunningRelay:
        return next(one for one in self.relays if one is not relay)


Befall = Callable[[Stand], Awaitable[None]]
Place = tuple[str, tuple[str, ...]]  # of a server: its address for tests, and what CLIENT KILL calls relays' own


@dataclass(frozen=True)
class Store:
    """How Redis is kept, and what may befall it."""

    servers: Callable[[], Any]
    primary: Callable[[Any], Awaitable[Place]]
    settled: Callable[[Any], Awaitable[None]]
    kinds: Mapping[str, Befall]
    durability: str = "replicated"


async def disasters(store: str, rounds: int, *, only: Collection[str] = ()) -> Report:
    """Play so many rounds, and account for them. `only`: what may befall them; () for everything."""
    async with _standing(STORES[store], random.Random(f"{store} {SEED}")) as stand:
        unknown = 0
        for first in range(0, rounds, PART):
            async with stand.load.sending():
                await stand.load.more(BETWEEN)
                for _ in range(first, min(first + PART, rounds)):
                    await _round(stand, only)
            unknown = await _account(stand, unknown)
            print(stand.report.counts, flush=True)
    return stand.report


async def crash_loop(deaths: int) -> Report:
    """Kill whichever relay owns the partition right after it took over, so many times, and account for the load."""
    async with _standing(STORES["alone"], random.Random(SEED)) as stand:
        async with stand.load.sending():
            await asyncio.gather(*(_die_of_owning(stand, relay, deaths) for relay in stand.relays))
            await stand.load.more(BETWEEN)
        await until(lambda: _none_waits(stand))  # none of what is in the inbox is pending, and all of it comes
        await stand.around.settled(2 * LONGEST_DELAY / 1000)  # what was under way at several deaths waits for so long
        await _account(stand, 0)
    return stand.report


async def _none_waits(stand: Stand) -> bool:
    return not await stand.around.store.redis.xlen(f"{PREFIX}inbox")


async def _die_of_owning(stand: Stand, relay: RunningRelay, deaths: int) -> None:
    start, counts = 0, stand.report.counts
    while counts["deaths"] < deaths:
        with contextlib.suppress(TimeoutError):  # the other one may own it for long
            await relay.wait_for_line("partition.owned", start)
            counts["deaths"] += 1
            start = len(relay.lines)
            await relay.kill()
            await relay.start()


@contextlib.asynccontextmanager
async def _standing(store: Store, pick: random.Random) -> AsyncIterator[Stand]:
    async with contextlib.AsyncExitStack() as stack:
        group = await stack.enter_async_context(store.servers())
        around = await stack.enter_async_context(surroundings(group.url, RELAY_HOST=own_host()))
        around.inbox.mails = deque()  # all of them, however many
        relays = []
        for _ in range(2):  # each with a folder of its own
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="relay-", dir="/tmp"))
            config, env = configuration(folder, store.durability), {**around.env, "STAGE_DATA": folder}
            relays.append(await stack.enter_async_context(RunningRelay(config, env, grace=GRACE)))
        yield Stand(store, group, around, relays, Load(*relays, mailers=3, runners=1), pick)


def configuration(folder: str | Path, durability: str) -> Path:
    """Return the stage's, with this promise, and without the limit of new messages, which would group them."""
    config, text = Path(folder, "relay.yaml"), CONFIG.read_text("utf-8")
    text = text.replace("slack: {token:", "slack: {new_message_limit: off, token:")
    config.write_text(f"{text}\nredis: {{durability: {durability}}}\n", "utf-8")
    return config


async def _round(stand: Stand, only: Collection[str]) -> None:
    """One disaster or two, at different places; and until all is well again."""
    pick = stand.pick
    places = [
        *([(name, partial(befall, stand)) for name, befall in kinds.items()] for kinds in (stand.store.kinds, WIRE)),
        *([(name, partial(befall, stand, relay)) for name, befall in RELAYS.items()] for relay in stand.relays),
    ]
    possible = [some for place in places if (some := [one for one in place if not only or one[0] in only])]
    drawn = [pick.choice(place) for place in pick.sample(possible, min(len(possible), pick.choice((1, 2, 2))))]
    print(f"{time.time():.1f}: {' + '.join(name for name, _ in drawn)}", flush=True)
    watching = asyncio.create_task(_longest_pause(stand.load))
    await asyncio.gather(*(_later(befall, at and pick.choice(APART)) for at, (_, befall) in enumerate(drawn)))
    await stand.store.settled(stand.group)
    await until(lambda: _answers(stand.around))
    await stand.load.more(BETWEEN)
    watching.cancel()
    [pause] = await asyncio.gather(watching)
    stand.report.pauses[" + ".join(sorted(name for name, _ in drawn))].append(pause)
    stand.report.counts["rounds"] += 1


async def _later(befall: Callable[[], Awaitable[None]], seconds: float) -> None:
    await asyncio.sleep(seconds)
    await befall()


async def _longest_pause(load: Load) -> float:
    longest, last = 0.0, time.monotonic()
    try:
        while True:
            await load.more(1)
            now = time.monotonic()
            longest, last = max(longest, now - last), now
    except asyncio.CancelledError:
        return longest


async def _answers(around: Surroundings) -> bool:
    """Connections to servers that are gone have to be used once."""
    with contextlib.suppress(StoreUnavailable):
        await around.store.ping()
        return True
    return False


# What befalls one of the relays


async def _kill(stand: Stand, relay: RunningRelay) -> None:
    async with stand.locks[relay]:
        await relay.kill()
        await asyncio.sleep(stand.pick.choice((0.0, BEYOND)))
        await relay.start()


async def _freeze(stand: Stand, relay: RunningRelay) -> None:
    async with stand.locks[relay]:
        relay.send_signal(signal.SIGSTOP)
        await asyncio.sleep(BEYOND)
        relay.send_signal(signal.SIGCONT)


async def _restart(stand: Stand, relay: RunningRelay) -> None:
    async with stand.locks[relay]:
        began = time.monotonic()
        status, took = await relay.stop(), time.monotonic() - began
        if status or took > GRACE + AFTER:
            stand.report.faults.append(f"a relay that was stopped ended with {status} after {took:.1f} s")
        await relay.start()


async def _restart_both(stand: Stand, relay: RunningRelay) -> None:
    await _restart(stand, relay)
    await stand.load.more(BETWEEN)
    await _restart(stand, stand.other(relay))


RELAYS: dict[str, Callable[[Stand, RunningRelay], Awaitable[None]]] = {
    "relay killed": _kill,
    "relay frozen beyond its lease": _freeze,
    "relay restarted": _restart,
    "relays restarted in turn": _restart_both,
}


# What befalls connections


async def _cut(stand: Stand) -> None:
    for _ in range(8):
        await asyncio.sleep(0.15)
        with contextlib.suppress(RedisError, OSError):
            url, relays = await stand.store.primary(stand.group)
            async with Redis.from_url(url) as redis:
                await redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes", *relays)


WIRE: dict[str, Befall] = {"connections cut": _cut}


# What befalls one Redis


@contextlib.asynccontextmanager
async def _alone() -> AsyncIterator[RedisServer]:
    with RedisServer(**DURABLE) as server:
        yield server


async def _kill_redis(stand: Stand) -> None:
    stand.group.kill()
    await asyncio.sleep(stand.pick.choice((0.0, 2.0, BEYOND)))
    stand.group.start()


async def _freeze_redis(stand: Stand) -> None:
    stand.group.pause()
    await asyncio.sleep(stand.pick.choice((2.0, BEYOND)))
    stand.group.resume()


async def _of_one(server: RedisServer) -> Place:
    return server.url, ()


async def _nothing(_server: RedisServer) -> None:
    """It answers once it has started."""


# What befalls servers that Sentinels watch


async def _of_watched(group: Any) -> Place:
    port = await group.primary()
    return group.servers[port].url, ("LADDR", f"127.0.0.1:{port}")


async def _all_follow(group: Any) -> None:
    for port, server in group.servers.items():
        if not server.running:
            await group.join(port, await group.primary())
    await group.settled()


async def _kill_watched(stand: Stand) -> None:
    before = await stand.group.kill_primary()
    await stand.group.replaced(before)
    stand.group.servers[before].start()  # as its supervisor would


async def _freeze_watched(stand: Stand) -> None:
    """It takes itself for the primary when it wakes."""
    before = await stand.group.primary()
    stand.group.servers[before].pause()
    await stand.group.replaced(before)
    stand.group.servers[before].resume()


async def _fail_over_watched(stand: Stand) -> None:
    await stand.group.fail_over()


async def _join(stand: Stand) -> None:
    """A replica is replaced while the other one is promoted, and perhaps one of them killed meanwhile."""
    group, pick = stand.group, stand.pick
    early, victim = pick.random() < 0.5, pick.choice(("nobody", "old primary", "joiner", "new primary"))
    before = await group.primary()
    joiner = pick.choice([port for port in group.servers if port != before])
    group.servers[joiner].kill()
    await stand.load.more(BETWEEN)  # which the other one alone confirms
    if early:
        await group.join(joiner, before)
    failing_over = asyncio.create_task(group.fail_over())
    await until(lambda: group.promoted(before))
    if not early:
        await group.join(joiner, before)
    if victim in ("old primary", "joiner"):
        group.servers[before if victim == "old primary" else joiner].kill()
    after = await failing_over
    if victim == "new primary":
        await stand.load.more(pick.randrange(1, BETWEEN))
        group.servers[after].kill()
        await group.replaced(after)


# What befalls a Cluster


async def _of_owner(group: Any) -> Place:
    node = await group.owner()
    return node.url, ("LADDR", f"127.0.0.1:{node.port}")


async def _cluster_settled(group: Any) -> None:
    await group.settled()


async def _kill_owner(stand: Stand) -> None:
    primary = await stand.group.owner()
    primary.kill()
    await stand.group.replaced(primary)
    primary.start()


async def _fail_over_owner(stand: Stand) -> None:
    await stand.group.fail_over()


async def _move(stand: Stand) -> None:
    await stand.group.move(await stand.group.another())


async def _move_at_once(stand: Stand) -> None:
    await stand.group.move_at_once(await stand.group.another())


async def _add(stand: Stand) -> None:
    if len(stand.group.nodes) < MOST_NODES:
        added = await stand.group.add()
        await stand.group.add(follows=added)
        await stand.group.move(added)


STORES: dict[str, Store] = {
    "alone": Store(
        _alone, _of_one, _nothing, {"Redis killed": _kill_redis, "Redis frozen": _freeze_redis}, durability="fsync"
    ),
    "sentinels": Store(
        partial(watched, quick=False), _of_watched, _all_follow,
        {"primary killed": _kill_watched, "primary frozen until it is replaced": _freeze_watched,
         "planned failover": _fail_over_watched, "a replica joins during a failover": _join},
    ),
    "cluster": Store(
        partial(clustered, replicas=2), _of_owner, _cluster_settled,
        {"primary killed": _kill_owner, "planned failover": _fail_over_owner, "slot moved key by key": _move,
         "slot moved at once": _move_at_once, "slot moved to a node that was added": _add},
    ),
}  # fmt: skip


# Accounts


async def _account(stand: Stand, unknown: int) -> int:
    """Look at what arrived of this part, and begin the next one. Return the ledger's count of unknown outcomes."""
    around, load, counts, faults = stand.around, stand.load, stand.report.counts, stand.report.faults
    ledger = await _told(around)
    lost = await load.lost()
    mails = Counter((mail.recipient, mail.id) for mail in around.inbox.mails)
    told = {(mail.recipient, *re.findall(r"op-\d+", mail.subject)[:1]) for mail in around.inbox.mails}
    untold = [(reader, name) for reader in READERS for name in load.acknowledged if (reader, name) not in told]
    roots = [one for one in around.slack.messages("#team") if not one.thread_ts and run_of(one) in load.runs]
    shown = Counter(run_of(root) for root in roots)
    newest = {run_of(root): root.text for root in roots}
    stale = [name for name in load.runs if not newest.get(name, "").startswith("Completed")]
    repeats = {"mails": sum(mails.values()) - len(mails), "live messages": sum(shown.values()) - len(shown)}
    doubtful = ledger.counts.get("unknown_outcomes", 0) - unknown
    counts.update({
        "events": len(load.acknowledged) + len(load.runs), "times 503": load.statuses[503], "lost": len(lost),
        "unknown outcomes": doubtful, **{f"{name} twice": count for name, count in repeats.items()},
        "dead": ledger.counts.get("dead", 0), "set aside": await around.store.bodies.size(),
    })  # fmt: skip
    wrong = {
        "set aside": counts["set aside"],
        "lost": lost, "not told": untold, "stale or not shown": stale,
        "the ledger is out by": ledger.imbalance, "dead": ledger.counts.get("dead", 0),
        "mails twice, without a reason": max(0, repeats["mails"] - doubtful),
        "live messages twice": [name for name, count in shown.items() if count > 1],
        "violations of Slack's": around.slack.violations,
    }  # fmt: skip
    faults += [f"{name}: {found}" for name, found in wrong.items() if found]
    load.acknowledged.clear()
    load.runs.clear()
    load.statuses.clear()
    around.inbox.mails.clear()
    return unknown + doubtful


async def _told(around: Surroundings) -> Ledger:
    """The ledger, once nothing is pending: senders are faster than mails, so it may take minutes, but never stands."""
    while (ledger := await around.ledger()).counts.get("pending", 0):
        seen = len(around.inbox.mails)
        with contextlib.suppress(TimeoutError):  # the last one has arrived, and is being settled
            await around.inbox.wait_for(lambda seen=seen: len(around.inbox.mails) > seen, STANDSTILL * busyness())
        if len(around.inbox.mails) == seen:
            return await around.settled()
    return ledger
