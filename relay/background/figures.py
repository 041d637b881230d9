"""Figures for Prometheus: of what all processes share, once a second or every fifth, and of this process itself."""

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from relay import __version__, metrics
from relay.config import Config
from relay.store import Store
from relay.store.admin import Admin
from relay.store.reachability import Reachability

SELDOM = 5  # looks
PERIOD = 1.0  # seconds
STATM = Path("/proc/self/statm")
PAGE = os.sysconf("SC_PAGE_SIZE")
PROMISES = ("memory", "fsync", "replicated")
NOTHING = dict.fromkeys(("accepted", "pending", "delivered", "superseded", "digested", "dead", "dropped"), 0)
SCOPES = ("channel", "destination")


class Figures:
    """Figures of what all processes share. Things are due by `redis_time`."""

    def __init__(
        self,
        store: Store,
        admin: Admin,
        config: Callable[[], Config],
        clock: Callable[[], float],
        *,
        redis_time: Callable[[], Awaitable[float]] | None = None,
    ) -> None:
        self._store = store
        self._admin = admin
        self._config = config
        self._clock = clock
        self._time = redis_time or store.time
        self._reachability = Reachability(store, partial=True)
        self._channels: set[str] = set()  # those that are shown
        self._looks = 0

    def promise(self, trouble: str, lacks: Mapping[str, str], *, takes: bool) -> None:
        """Show whether Redis serves, whether events are taken, and what a 2xx is worth, as `/readyz` says it."""
        metrics.redis_up.set(not trouble)
        metrics.ready.set(takes and not trouble)
        metrics.durability_short.set("durability" in lacks)
        for name in PROMISES:
            metrics.durability.labels(name).set(not trouble and name == self._store.promise.durability)

    async def measure(self, *, partial: bool) -> None:
        """Ask Redis. Raises StoreUnavailable.

        `partial`: a part of the store is away; sums over the others would look as if much had been delivered.
        """
        now = await self._time()
        metrics.clock_skew.set(now - self._clock())
        seldom, self._looks = self._looks % SELDOM == 0, self._looks + 1
        if seldom:
            await self._server()
        if partial:
            return
        channels = list(self._config().channels)
        for channel in self._channels.difference(channels):  # else an alert on it would never end
            metrics.queued.remove(channel)
            metrics.due_age.remove(channel)
        self._channels = {*channels}
        ledger = await self._admin.ledger()
        for name, count in {**NOTHING, **ledger.counts}.items():
            metrics.ledger.labels(name).set(count)
        metrics.imbalance.set(ledger.imbalance)
        for channel, queued in (await self._admin.queued(channels)).items():
            metrics.queued.labels(channel).set(queued)
        if seldom:
            await self._waiting(channels, now)

    async def _server(self) -> None:
        signs = await self._store.signs()
        metrics.redis_memory.set(signs.memory)
        metrics.redis_fullness.set(signs.fullness)
        metrics.replicas.set(signs.replicas)
        metrics.replica_lag.set(signs.lag)
        metrics.aof_bytes.set(signs.aof_bytes)
        metrics.aof_failing.set(signs.aof_failing)
        metrics.fsyncs_delayed.set(signs.fsyncs_delayed)

    async def _waiting(self, channels: Sequence[str], now: float) -> None:
        due = await self._admin.oldest_due(channels)
        for channel in channels:
            metrics.due_age.labels(channel).set(max(0.0, now - due.get(channel, now)))
        states = await self._reachability.states(self._config(), self._clock())
        metrics.operator_pauses.set(sum(state.name == "paused" for state in states.values()))
        for kind in SCOPES:
            metrics.pauses.labels(kind).set(
                sum(state.fails and scope.startswith(f"{kind}:") for scope, state in states.items())
            )
        metrics.pauses.labels("limit").set(len(await self._admin.throttled()))
        faults = await self._admin.faults()
        metrics.quarantine_bodies.labels("fault").set(faults)
        metrics.quarantine_bodies.labels("other").set(await self._admin.quarantine_size() - faults)


class ProcessFigures:
    """Loop, memory and processor time. prometheus_client's own are not there with several processes."""

    def __init__(self) -> None:
        self._cpu = 0.0
        metrics.build_info.labels(__version__).set(1)

    async def run(self) -> None:
        """Measure once a second, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + PERIOD
            await asyncio.sleep(PERIOD)
            self.measure(lag=loop.time() - due)

    def measure(self, *, lag: float) -> None:
        """Show the figures; `lag`: by how many seconds the loop was late."""
        metrics.hand_on()
        metrics.loop_lag.observe(max(0.0, lag))
        used, self._cpu = self._cpu, time.process_time()
        metrics.cpu_seconds.inc(self._cpu - used)
        with contextlib.suppress(OSError):  # no Linux
            metrics.resident_memory.set(int(STATM.read_text("ascii").split()[1]) * PAGE)
