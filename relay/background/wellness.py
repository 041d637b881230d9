"""Whether all is well: events are taken, and messages get out. What the heartbeat asks."""

from collections.abc import Awaitable, Callable

from relay.background.lookout import Lookout
from relay.config import Config
from relay.policy.reachability import CHANNEL
from relay.store import Store
from relay.store.admin import Admin
from relay.store.reachability import Reachability

PATIENCE = 180.0  # seconds without a sign of a process that receives, or of one that delivers
OVERDUE = 300.0  # that something is due and nobody takes it


class Wellness:
    """`obstacle` says why nothing may be accepted now, '' if it may (`/readyz`). Raises StoreUnavailable."""

    def __init__(
        self, store: Store, config: Callable[[], Config], lookout: Lookout, obstacle: Callable[[], Awaitable[str]]
    ) -> None:
        self._store = store
        self._admin = Admin(store)
        self._reachability = Reachability(store)
        self._config = config
        self._lookout = lookout
        self._obstacle = obstacle

    async def unwell(self) -> str:
        """Why it is not well, as of the last look and of now; '' if it is."""
        if reason := await self._obstacle():
            return reason
        remembered = self._lookout.remembered
        if remembered is None:
            return "nobody has looked yet"
        for part, ago in (("receives", remembered.received), ("delivers", remembered.delivered)):
            if ago is None or ago > PATIENCE:
                return f"no process {part}"
        now, states = remembered.now, await self._reachability.states(self._config(), remembered.now)
        scopes = [scope for scope, state in states.items() if state.is_down(now)]
        if down := [scope.removeprefix(CHANNEL) for scope in scopes if scope.startswith(CHANNEL)]:
            return f"nothing gets out by {' and '.join(down)}"
        due = await self._admin.oldest_due(list(self._config().channels))
        oldest = min(due.values(), default=None)
        if oldest is not None and now - oldest > OVERDUE:
            return f"a delivery is overdue by {now - oldest:.0f} s"
        return ""
