"""Delivery blockers: what keeps messages from going out, by what the store knows. The same whichever process asks."""

import asyncio
from collections.abc import Callable, Collection

from relay.background.scheduler import PERIOD
from relay.config import Config
from relay.errors import StoreUnavailable
from relay.policy.reachability import DESTINATION, OPERATOR
from relay.store import Store
from relay.store.admin import Admin
from relay.store.reachability import Reachability
from relay.store.runs import Runs
from relay.store.settling import MAX_PAUSED

REMOVED = "destination_removed: the newest configuration does not have it; what is queued waits, and is dead in 3 days"
OVERDUE = 3 * PERIOD  # seconds without a tick of the scheduler after which it is not well


class DeliveryBlockers:
    """`internal` are relay's own channels. Every method may raise StoreUnavailable."""

    def __init__(
        self, store: Store, config: Callable[[], Config], clock: Callable[[], float], internal: Collection[str] = ()
    ) -> None:
        self.admin = Admin(store, partial=True)
        self._runs = Runs(store)
        self._reachability = Reachability(store, partial=True)
        self._store = store
        self._config = config
        self._clock = clock
        self._internal = internal

    async def checks(self) -> dict[str, str]:
        """Return a sentence for each part that is not as it should be."""
        checks = await self._unreachable() | await self.stranded() | await self._ticking()
        for destination, address in await self.admin.removed(await self._store.time()):
            checks[f"destination:{destination}/{address}"] = REMOVED
        if faults := await self._faults():
            which = "1 event waits" if faults == 1 else f"{faults} events wait"
            checks["quarantine"] = f"{which} because relay itself failed; see `relay dead list`"
        if unread := await self.admin.unread():
            lost = f"{unread} could not be applied, and count as dead: of these nobody was told; the log says why"
            checks["letters"] = f"{lost} (letter.unreadable), and Redis keeps them (LRANGE {{relay-N}}:unread)"
        return checks

    def channels(self) -> set[str]:
        """Return those that something may wait for: the configured ones, and relay's own."""
        return {*self._config().channels, *self._internal}

    async def stranded(self) -> dict[str, str]:
        """Return what waits for a channel that was taken out of the configuration."""
        stranded = await self.admin.stranded(self.channels())
        return {
            f"channel:{name}": f"{'1 delivery waits' if count == 1 else f'{count} deliveries wait'} for it, but the "
            f"configuration has no channels.{name}; after {MAX_PAUSED / 86_400:g} days they become dead letters"
            for name, count in stranded.items()
        }

    async def _unreachable(self) -> dict[str, str]:
        states = await self._reachability.states(self._config(), self._clock())
        throttled = {scope: f"paused: {why}" for scope, (_, why) in (await self.admin.throttled()).items()}
        return throttled | {
            scope.replace(OPERATOR, DESTINATION): state.sentence
            for scope, state in states.items()
            if state.name in ("failing", "paused")
        }

    async def _ticking(self) -> dict[str, str]:
        """Check that a process ticks, and does it well: else stalled runs are not seen, and no digest is sent."""
        last, now = await self._runs.last_tick(), await self._store.time()
        failed = {f"tick:{name}": f"failed {max(0.0, now - at):.0f} s ago: {fault}"
                  for name, (at, fault) in (await self._runs.failed_ticks()).items()}  # fmt: skip
        if last is None:
            return failed | {"scheduler": "has not run yet: is there a process that delivers?"}
        if now - last <= OVERDUE:
            return failed
        return failed | {"scheduler": f"last ran {now - last:.0f} s ago, expected every {PERIOD:g} s"}

    async def _faults(self) -> int:
        """Return how many events relay itself could not handle: each was refused, and waits for a mended relay."""
        try:
            async with asyncio.timeout(self._store.partitions.patience):
                return await self.admin.faults()
        except (StoreUnavailable, TimeoutError):
            if len(self._store.partitions) == 1:
                raise
            return 0  # the node that has the quarantine is away
