"""Schedulers: loops that tick, and their wiring.

But for self-monitoring, which every process does, they tick where the partition is owned. The next tick, of whoever
owns it then, makes up for one that fails or is cut off by a crash.
"""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog

from relay import metrics
from relay.background.catch_up import CatchUpTick
from relay.background.heartbeat import HealthSummary, Heartbeat
from relay.background.reconciliation import Reconciliation, current_platform
from relay.background.self_monitor import SelfMonitor
from relay.background.upkeep import Digests, Records
from relay.background.watchdog import Tell, WatchdogTick
from relay.config import Config
from relay.errors import StoreUnavailable, relay_line
from relay.outage import Outage
from relay.platform.lookups import Lookups
from relay.store import Store
from relay.store.queries.runs import ReconciliationState, Runs, TroubleMemory

log = structlog.get_logger(__name__)

PERIOD = 30.0  # seconds between two ticks
LONGEST = 120.0  # seconds one tick may take; what it has not done, the next does

Tick = Callable[[float], Awaitable[None]]


@dataclass(eq=False)
class Scheduler:
    """Run ticks one after the other, every `period` seconds, with the time of `clock`, while they are `mine`."""

    ticks: Mapping[str, Tick]
    clock: Callable[[], float] = time.time
    period: float = PERIOD
    outage: Outage = field(default_factory=Outage)
    mine: Callable[[], bool] = lambda: True
    report: Callable[[str, str], Awaitable[None]] | None = None  # gets a tick's name and its error, '' for none

    async def run(self) -> None:
        """Tick until cancelled, the first time at once."""
        while True:
            if self.mine():
                await self.tick()
            await asyncio.sleep(self.period)

    async def tick(self) -> None:
        """Run each tick once. One that fails or hangs costs the others nothing but time."""
        for name, tick in self.ticks.items():
            outcome, fault = "done", ""
            try:
                async with asyncio.timeout(LONGEST):
                    await tick(self.clock())
            except StoreUnavailable as error:
                outcome, fault = "failed", str(error)
                self.outage.failed(fault)
            except Exception as error:  # noqa: BLE001 - without this loop nothing becomes due: it outlives everything
                outcome, fault = "failed", f"{type(error).__name__} at {relay_line(error)}"
                log.warning("tick.failed", tick=name, error=f"{type(error).__name__}: {error}")
            metrics.ticks.labels(name, outcome).inc()
            if self.report:
                with contextlib.suppress(StoreUnavailable):  # Redis itself is what /readyz speaks of then
                    await self.report(name, fault)


def build_schedulers(
    store: Store,
    ingest: Tell,
    config: Callable[[], Config],
    channels: Mapping[str, Any],
    lookups: Lookups,
    *,
    clock: Callable[[], float],
    period: float,
    outage: Outage,
) -> tuple[Scheduler, Scheduler]:
    """Return two: a platform or a sender that does not answer must not hold up what is due by time."""
    watchdog = WatchdogTick(store, ingest, config, channels)
    digests = Digests(store, config, channels)
    rounds = ReconciliationState(store)
    reconciliation = Reconciliation(
        lambda: current_platform(lookups, config()), rounds, lambda event: ingest(event, None)
    )
    catch_up = CatchUpTick(lambda: config().sources, TroubleMemory(store).turn)
    scheduler = partial(
        Scheduler, clock=clock, period=period, outage=outage, mine=_owns(store), report=Runs(store).report_tick
    )
    return (
        scheduler({"watchdog": watchdog.tick, "digests": digests.tick}),
        scheduler({"reconciliation": reconciliation.tick, "catch-up": catch_up.tick}),
    )


def build_self_monitoring(
    store: Store,
    config: Callable[[], Config],
    monitor: SelfMonitor,
    unready: Callable[[], Awaitable[str]],
    *,
    clock: Callable[[], float],
    period: float,
    outage: Outage,
) -> tuple[Scheduler, ...]:
    """Return three more, the first for every process; a channel that is down has a notice within a minute."""
    memory = TroubleMemory(store)
    summary = HealthSummary(store, config, monitor, unready)
    heartbeat = Heartbeat(config, summary.problem, memory.turn)

    async def beat(now: float) -> None:
        if monitor.remembered:  # before the first observation there is nothing to say
            await heartbeat.tick(now)

    owns = _owns(store)
    scheduler = partial(Scheduler, clock=clock, outage=outage, report=Runs(store).report_tick)
    return (
        scheduler({"operators": monitor.tick}, period=period / 3),
        scheduler({"heartbeat": beat}, period=period / 3, mine=owns),
        scheduler({"records": Records(store, config).tick}, period=2 * period, mine=owns),
    )


def _owns(store: Store) -> Callable[[], bool]:
    return lambda: store.journal.owns
