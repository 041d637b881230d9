"""A relay that knows many operations, or has much parked: its start, its memory, and what an event costs then."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from datetime import UTC, datetime
from functools import partial
from itertools import islice
from pathlib import Path

from redis import Redis

from benchmarks.speed import accounts, load, requests
from benchmarks.speed.findings import Bounds, Column, Findings, Measure, Sample, interleaved
from benchmarks.speed.relays import relay
from benchmarks.speed.sending import at_once
from benchmarks.speed.standins import Standins
from benchmarks.speed.storm import settings
from relay.domain.deliveries import Each, Target
from relay.domain.events import Event
from relay.domain.parsing import parse
from relay.engine.pauses import PauseDestination
from relay.errors import StoreUnavailable
from relay.store import Store
from tests.support.redis_server import RedisServer

FEW, MANY, PARKED = 10_000, 200_000, 50_000
AT_ONCE = 200
SECONDS = 5
PATIENCE = 60.0
PAUSED = Target("team", "slack", "#team", how=Each())

TEXT = f"""\
A relay that starts on a Redis in which so many operations are known already, or so many failures wait for a
destination that a person paused; then {SECONDS} s of new events that nobody hears of, and one critical failure.
*told s* is from the POST of that failure to the call of Slack's method."""

COLUMNS = (
    Column("ready s", "ready", ".2f"),
    Column("told s", "told", ".3f"),
    Column("events/s", "rate"),
    Column("app µs", "app_us"),
    Column("RSS app MB", "app_mb"),
    Column("Redis MB", "redis_mb"),
)


def measure(bounds: Bounds) -> Findings:
    findings = Findings("full", "Much that is known, or parked", TEXT, COLUMNS)
    if not load.program():
        findings.left_out.append("all of it: there is no wrk")
        return findings
    seconds = bounds.seconds(SECONDS)
    events = (requests.signed(*pair) for pair in requests.events())
    file = requests.write(
        bounds.directory / "full.bin", events, (seconds + accounts.WARM_UP) * bounds.count(accounts.FASTEST, 4_000)
    )
    turn = partial(_turn, file=file, seconds=seconds)
    subjects: dict[str, Measure] = {
        f"relay, {count:,} operations": partial(turn, operations=count)
        for count in (bounds.count(FEW), bounds.count(MANY))
    }
    subjects[f"relay, {bounds.count(PARKED):,} parked"] = partial(turn, parked=bounds.count(PARKED))
    interleaved(findings, subjects, bounds)
    file.unlink()
    return findings


def _turn(
    directory: Path, faults: list[str], *, file: Path, seconds: int, operations: int = 0, parked: int = 0
) -> Sample:
    with RedisServer() as redis, Standins() as standins:
        asyncio.run(_fill(redis.url, operations, parked))
        changes = {**settings(standins.slack_port), "redis": {"url": redis.url}}
        began = time.perf_counter()
        with relay(directory, changes) as subject:
            ready = time.perf_counter() - began
            sample = accounts.taken(subject, faults, file, seconds, accounts.nothing)
            name, content = next(requests.failures(first=10**8, priority="Critical", tenant="own"))
            sent = standins.run(at_once(subject.url + requests.PATH, [requests.signed(name, content)], lanes=1))
            unheard = f"op-{10**8:09}"
            standins.slack.wait_for(lambda: unheard in standins.slack.moments, PATIENCE)
            faults += standins.slack.faults({unheard})
        with Redis.from_url(redis.url) as server:
            used = server.info("memory")["used_memory"] / 1e6
        moment = standins.slack.moments.get(unheard, [float("inf")])[0]
        return {**sample, "ready": ready, "told": moment - sent.due[0], "redis_mb": used}


async def _fill(url: str, operations: int, parked: int) -> None:
    """Report so many runs as the process that owned the data before."""
    async with AsyncExitStack() as stack:
        store = Store.open(url, process="before")
        stack.push_async_callback(store.aclose)
        await store.prepare()
        await store.submit(PauseDestination("team", None, "a benchmark", "nobody"))
        for count, name, targets in ((operations, "operation.started", ()), (parked, "operation.failed", (PAUSED,))):
            events = _events(name, count)
            while some := [*islice(events, AT_ONCE)]:
                await asyncio.gather(*(_reported(store, event, targets) for event in some))


async def _reported(store: Store, event: Event, targets: Sequence[Target]) -> None:
    """Report it as a sender does, again where that was not confirmed in time."""
    while True:
        with suppress(StoreUnavailable):
            await store.report(event, targets)
            return


def _events(name: str, count: int) -> Iterator[Event]:
    status, now = "Failed" if name == "operation.failed" else "Initiated", datetime.now(UTC)
    event_body = requests.document(name, 0, status=status)
    for number in range(count):
        operation = event_body["operation"] | {"operationId": f"before-{number}", "operationName": f"Journey {number}"}
        yield parse(event_body | {"operation": operation}, source="platform", received_at=now)
