"""Everything that ticks, as the schedulers that run beside the worker."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from relay.background.audit_log import AuditLog
from relay.background.digests import Digests
from relay.background.heartbeat import Heartbeat
from relay.background.lookout import Lookout
from relay.background.missing import Tell
from relay.background.reconciliation import Reconciliation, current_platform
from relay.background.records import Records
from relay.background.scheduler import Scheduler
from relay.background.watchdog import WatchdogTick
from relay.background.wellness import Wellness
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
    """Two: a platform that does not answer must not hold up what is due by time."""
    watchdog = WatchdogTick(store, ingest, config, channels)
    digests = Digests(store, config, channels)
    reconciliation = Reconciliation(lambda: current_platform(lookups, config()), ReconciliationState(store), ingest)
    due_by_time = {"watchdog": watchdog.tick, "digests": digests.tick}
    asking = {"reconciliation": reconciliation.tick}
    report = Runs(store).report_tick
    return (
        Scheduler(due_by_time, clock=clock, period=period, outage=outage, report=report),
        Scheduler(asking, clock=clock, period=period, outage=outage, report=report),
    )


def build_lookout(
    store: Store,
    config: Callable[[], Config],
    lookout: Lookout,
    unready: Callable[[], Awaitable[str]],
    *,
    clock: Callable[[], float],
    period: float,
    outage: Outage,
) -> tuple[Scheduler, ...]:
    """Three more, in every process, whatever part of the work it does: what looks after relay itself.

    Its look at itself comes three times in a period: a channel that is down has to be told within a minute, whether or
    not the heartbeat's address answers.
    """
    wellness = Wellness(store, config, lookout, unready)

    def url() -> str:
        return config().heartbeat.get_secret_value()

    memory = TroubleMemory(store)
    heartbeat = Heartbeat(url, wellness.unwell, memory.turn)

    async def beat(now: float) -> None:
        if lookout.remembered:  # before its first look there is nothing to say
            await heartbeat.tick(now)

    ticks = {
        "audit": AuditLog(store, memory.turn).tick,
        "records": Records(store, config, memory.turn).tick,
    }
    report = Runs(store).report_tick
    return (
        Scheduler({"operators": lookout.tick}, clock=clock, period=period / 3, outage=outage, report=report),
        Scheduler({"heartbeat": beat}, clock=clock, period=period / 3, outage=outage, report=report),
        Scheduler(ticks, clock=clock, period=2 * period, outage=outage, report=report),
    )
