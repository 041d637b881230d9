"""Figures for Prometheus, and the blockers of deliveries for `/readyz` and the console."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from relay import __version__, metrics
from relay.background.scheduler import PERIOD
from relay.config import Config
from relay.policy.reachability import DESTINATION, OPERATOR
from relay.store import Store
from relay.store.queries.admin import MAX_PAUSED, Admin
from relay.store.queries.reachability import Reachability
from relay.store.queries.runs import Runs

SELDOM = 5  # looks
SECOND = 1.0  # seconds
STATM = Path("/proc/self/statm")
PAGE = os.sysconf("SC_PAGE_SIZE")
PROMISES = ("memory", "fsync", "replicated")  # the weakest first
NOTHING = dict.fromkeys(("accepted", "pending", "delivered", "superseded", "digested", "dead", "dropped"), 0)
SCOPES = ("channel", "destination")
REMOVED = "the configuration does not have it any more; what waits for it becomes a dead letter after 3 days"
OVERDUE = 3 * PERIOD  # seconds without a tick of the scheduler after which it is not well


@dataclass(eq=False)
class Figures:
    """Figures of what all processes share. Things are due by the store's time."""

    store: Store
    admin: Admin
    config: Callable[[], Config]
    clock: Callable[[], float]
    _channels: set[str] = field(default_factory=set)  # those that are shown
    _looks: int = 0

    def __post_init__(self) -> None:
        self._reachability = Reachability(self.store)
        self._bodies = self.store.bodies

    def promise(self, trouble: str, lacks: Mapping[str, str], *, takes: bool) -> None:
        """Show whether Redis serves, whether events are taken, and what a 2xx is worth, as `/readyz` says it."""
        metrics.redis_up.set(not trouble)
        metrics.ready.set(takes and not trouble)
        metrics.durability_short.set("durability" in lacks)
        for name in PROMISES:
            metrics.durability.labels(name).set(not trouble and name == self.store.promise.durability)

    async def measure(self) -> None:
        """Ask Redis. Raises StoreUnavailable."""
        now = await self.store.time()
        metrics.clock_skew.set(now - self.clock())
        seldom, self._looks = self._looks % SELDOM == 0, self._looks + 1
        if seldom:
            await self._server()
        channels = list(self.config().channels)
        for channel in self._channels.difference(channels):  # else an alert on it would never end
            metrics.queued.remove(channel)
            metrics.due_age.remove(channel)
        self._channels = {*channels}
        ledger = await self.admin.ledger()
        for name, count in {**NOTHING, **ledger.counts}.items():
            metrics.ledger.labels(name).set(count)
        metrics.imbalance.set(ledger.imbalance)
        for channel, queued in (await self.admin.queued(channels)).items():
            metrics.queued.labels(channel).set(queued)
        if seldom:
            await self._waiting(channels, now)

    async def _server(self) -> None:
        signs = await self.store.signs()
        metrics.redis_memory.set(signs.memory)
        metrics.redis_fullness.set(signs.fullness)
        metrics.replicas.set(signs.replicas)
        metrics.replica_lag.set(signs.lag)
        metrics.aof_bytes.set(signs.aof_bytes)
        metrics.aof_failing.set(signs.aof_failing)
        metrics.fsyncs_delayed.set(signs.fsyncs_delayed)

    async def _waiting(self, channels: Sequence[str], now: float) -> None:
        due = await self.admin.oldest_due(channels)
        for channel in channels:
            metrics.due_age.labels(channel).set(max(0.0, now - due.get(channel, now)))
        states = await self._reachability.states(self.config(), self.clock())
        metrics.operator_pauses.set(sum(state.name == "paused" for state in states.values()))
        for kind in SCOPES:
            metrics.pauses.labels(kind).set(
                sum(state.fails and scope.startswith(f"{kind}:") for scope, state in states.items())
            )
        metrics.pauses.labels("limit").set(len(await self.admin.throttled()))
        metrics.pauses.labels("removed").set(len(await self.admin.removed(now)))
        await self._bodies.trim()
        faults = await self._bodies.faults()
        metrics.quarantine_bodies.labels("fault").set(faults)
        metrics.quarantine_bodies.labels("other").set(await self._bodies.size() - faults)


class ProcessFigures:
    """Loop, memory and processor time. prometheus_client's own are not there with several processes."""

    def __init__(self) -> None:
        self._cpu = 0.0
        metrics.build_info.labels(__version__).set(1)

    async def run(self) -> None:
        """Measure once a second, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + SECOND
            await asyncio.sleep(SECOND)
            self.measure(lag=loop.time() - due)

    def measure(self, *, lag: float) -> None:
        """Show the figures; `lag`: by how many seconds the loop was late."""
        metrics.loop_lag.observe(max(0.0, lag))
        used, self._cpu = self._cpu, time.process_time()
        metrics.cpu_seconds.inc(self._cpu - used)
        with contextlib.suppress(OSError):  # no Linux
            metrics.resident_memory.set(int(STATM.read_text("ascii").split()[1]) * PAGE)


@dataclass(eq=False)
class DeliveryBlockers:
    """`internal` are relay's own channels. Every method may raise StoreUnavailable."""

    store: Store
    config: Callable[[], Config]
    clock: Callable[[], float]
    internal: Collection[str] = ()

    def __post_init__(self) -> None:
        self.admin = Admin(self.store)
        self._runs = Runs(self.store)
        self._reachability = Reachability(self.store)
        self._bodies = self.store.bodies

    async def checks(self) -> dict[str, str]:
        """Return a sentence for each part that is not as it should be."""
        checks = await self._unreachable() | await self.stranded() | await self._ticking()
        for destination, address in await self.admin.removed(await self.store.time()):
            checks[f"destination:{destination}/{address}"] = REMOVED
        if faults := await self._bodies.faults():
            which = "1 event waits" if faults == 1 else f"{faults} events wait"
            checks["quarantine"] = f"{which} because relay itself failed; see `relay dead list`"
        if damaged := [*self.store.partition.damaged.values()]:
            more = f"; so it is with {len(damaged) - 1} others" if len(damaged) > 1 else ""
            checks["records"] = f"{damaged[0]}{more}"
        return checks

    def channels(self) -> set[str]:
        """Return those that something may wait for: the configured ones, and relay's own."""
        return {*self.config().channels, *self.internal}

    async def stranded(self) -> dict[str, str]:
        """Return what waits for a channel that was taken out of the configuration."""
        stranded = await self.admin.stranded(self.channels())
        return {
            f"channel:{name}": f"{'1 delivery waits' if count == 1 else f'{count} deliveries wait'} for it, but the "
            f"configuration has no channels.{name}; after {MAX_PAUSED / 86_400:g} days they become dead letters"
            for name, count in stranded.items()
        }

    async def _unreachable(self) -> dict[str, str]:
        states = await self._reachability.states(self.config(), self.clock())
        return {
            scope.replace(OPERATOR, DESTINATION): state.sentence
            for scope, state in states.items()
            if state.name in ("failing", "paused")
        }

    async def _ticking(self) -> dict[str, str]:
        """Check that a process ticks, and does it well: else stalled runs are not seen, and no digest is sent."""
        last, now = await self._runs.last_tick(), await self.store.time()
        failed = {f"tick:{name}": f"failed {max(0.0, now - at):.0f} s ago: {fault}"
                  for name, (at, fault) in (await self._runs.failed_ticks()).items()}  # fmt: skip
        if last is None:
            return failed | {"scheduler": "has not run yet: is there a process that delivers?"}
        if now - last <= OVERDUE:
            return failed
        return failed | {"scheduler": f"last ran {now - last:.0f} s ago, expected every {PERIOD:g} s"}
