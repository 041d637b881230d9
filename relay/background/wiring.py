"""Everything that ticks, as the schedulers that run beside the worker."""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from relay.background.digests import Digests
from relay.background.heartbeat import HealthSummary, Heartbeat
from relay.background.missing import Tell
from relay.background.reconciliation import Reconciliation, current_platform
from relay.background.scheduler import Scheduler
from relay.background.self_monitor import SelfMonitor
from relay.background.upkeep import AuditLog, Records
from relay.background.watchdog import WatchdogTick
from relay.config import Config
from relay.outage import Outage
from relay.platform.lookups import Lookups
from relay.store import Store
from relay.store.reconciliation import ReconciliationState
from relay.store.runs import Runs
from relay.store.troubles import TroubleMemory


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
    """Return two: a platform that does not answer must not hold up what is due by time."""
    watchdog = WatchdogTick(store, ingest, config, channels)
    digests = Digests(store, config, channels)
    rounds = ReconciliationState(store)
    reconciliation = Reconciliation(
        lambda: current_platform(lookups, config()), rounds, lambda event: ingest(event, None)
    )
    scheduler = partial(Scheduler, clock=clock, period=period, outage=outage, report=Runs(store).report_tick)
    return (
        scheduler({"watchdog": watchdog.tick, "digests": digests.tick}),
        scheduler({"reconciliation": reconciliation.tick}),
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
    """Return three more, for every process, whatever part of the work it does.

    It observes itself three times in a period: a channel that is down has a notice within a minute, whether or not the
    heartbeat's address answers.
    """
    memory = TroubleMemory(store)
    summary = HealthSummary(store, config, monitor, unready)
    heartbeat = Heartbeat(config, summary.problem, memory.turn)

    async def beat(now: float) -> None:
        if monitor.remembered:  # before the first observation there is nothing to say
            await heartbeat.tick(now)

    upkeep = {"audit": AuditLog(store, memory.turn).tick, "records": Records(store, config, memory.turn).tick}
    scheduler = partial(Scheduler, clock=clock, outage=outage, report=Runs(store).report_tick)
    return (
        scheduler({"operators": monitor.tick}, period=period / 3),
        scheduler({"heartbeat": beat}, period=period / 3),
        scheduler(upkeep, period=2 * period),
    )
