"""The gauges of what all processes share: by a look at Redis once a second, and what is dear every fifth time."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from relay import metrics
from relay.config import Config
from relay.store import Store
from relay.store.admin import Admin
from relay.store.reachability import Reachability

SELDOM = 5  # looks
PROMISES = ("memory", "fsync", "replicated")
NOTHING = dict.fromkeys(("accepted", "pending", "delivered", "superseded", "digested", "dead", "dropped"), 0)
SCOPES = ("channel", "destination")


class Figures:
    """`time` is Redis's, by which things are due."""

    def __init__(
        self,
        store: Store,
        admin: Admin,
        config: Callable[[], Config],
        clock: Callable[[], float],
        *,
        time: Callable[[], Awaitable[float]] | None = None,
    ) -> None:
        self._store = store
        self._admin = admin
        self._config = config
        self._clock = clock
        self._time = time or store.time
        self._reachability = Reachability(store, partial=True)
        self._channels: set[str] = set()  # those that are shown
        self._looks = 0

    def promise(self, trouble: str, lacks: Mapping[str, str], *, takes: bool) -> None:
        """Whether Redis serves, whether a store that serves takes events, and what its 2xx is worth, as `/readyz` says
        it."""
        short = "durability" in lacks
        metrics.redis_up.set(not trouble)
        metrics.ready.set(takes and not trouble)
        metrics.durability_short.set(short)
        for name in PROMISES:
            metrics.durability.labels(name).set(not trouble and name == self._store.promise.durability)

    async def measure(self, *, partial: bool) -> None:
        """`partial`: a part of the store is away; sums over the others would look as if much had been told.

        Raises StoreUnavailable.
        """
        now = await self._time()
        metrics.clock_skew.set(now - self._clock())
        seldom, self._looks = self._looks % SELDOM == 0, self._looks + 1
        if seldom:
            await self._server()
        if partial:
            return
        channels = list(self._config().channels)
        self._forget(self._channels.difference(channels))
        self._channels = {*channels}
        ledger = await self._admin.ledger()
        for name, count in {**NOTHING, **ledger.counts}.items():
            metrics.ledger.labels(name).set(count)
        metrics.imbalance.set(ledger.imbalance)
        for channel, queued in (await self._admin.queued(channels)).items():
            metrics.queued.labels(channel).set(queued)
        if seldom:
            await self._waiting(channels, now)

    def _forget(self, channels: Iterable[str]) -> None:
        """Show no more of those that the configuration has no longer: nobody would ever set them again."""
        for channel in channels:
            for gauge in (metrics.queued, metrics.due_age):
                gauge.labels(channel).set(0)  # a reference to it may live on
                gauge.remove(channel)

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
