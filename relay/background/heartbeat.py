"""The heartbeat: a call once a minute while all is well, to a service outside that raises the alarm when it stays away.

All processes together make one call, and only while events are taken and messages get out. The address is a secret:
whoever has it can say that relay is well.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp
import structlog

from relay import metrics
from relay.background.self_monitor import SelfMonitor
from relay.config import Config
from relay.errors import StoreUnavailable
from relay.policy.reachability import CHANNEL
from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.queries.reachability import Reachability

log = structlog.get_logger(__name__)

PERIOD = 50.0  # seconds between two calls, at least
TIMEOUT = 10.0
AGENT = "relay"
PATIENCE = 180.0  # seconds without a sign of a process that receives, or of one that delivers
OVERDUE = 300.0  # seconds that something is due and no process takes it

Turn = Callable[[str, float], Awaitable[bool]]  # true for one process in each period; raises StoreUnavailable


@dataclass(eq=False)
class HealthSummary:
    """`unready` says why nothing may be accepted now, '' if it may (`/readyz`)."""

    store: Store
    config: Callable[[], Config]
    monitor: SelfMonitor
    unready: Callable[[], Awaitable[str]]

    def __post_init__(self) -> None:
        self._admin = Admin(self.store)
        self._reachability = Reachability(self.store)

    async def problem(self) -> str:
        """Return why relay is not well, by the last observation and now; '' if it is. Raises StoreUnavailable."""
        if reason := await self.unready():
            return reason
        remembered = self.monitor.remembered
        if remembered is None:
            return "nothing was observed yet"
        for part, ago in (("receives", remembered.received), ("delivers", remembered.delivered)):
            if ago is None or ago > PATIENCE:
                return f"no process {part}"
        now, states = remembered.now, await self._reachability.states(self.config(), remembered.now)
        scopes = [scope for scope, state in states.items() if state.is_down(now) and scope.startswith(CHANNEL)]
        if scopes:
            return f"nothing gets out by {' and '.join(scope.removeprefix(CHANNEL) for scope in scopes)}"
        oldest = min((await self._admin.oldest_due([*self.config().channels])).values(), default=now)
        return f"a delivery is overdue by {now - oldest:.0f} s" if now - oldest > OVERDUE else ""


@dataclass(eq=False)
class Heartbeat:
    """Calls while all is well. `problem` returns what is wrong, '' for nothing; it may raise StoreUnavailable."""

    config: Callable[[], Config]
    problem: Callable[[], Awaitable[str]]
    turn: Turn
    _fault: str = ""  # of the last call
    _withheld: bool = False

    async def tick(self, _now: float) -> None:
        """Call if it is due, no other process does, and all is well. Never raises for its own failure."""
        url = self.config().heartbeat.get_secret_value()
        if not url:
            return
        try:
            reason = await self.problem()
        except StoreUnavailable as error:
            reason = str(error)
        if reason:
            metrics.heartbeats.labels("withheld").inc()
            if not self._withheld:
                log.warning("heartbeat.withheld", reason=reason, meaning="whoever waits for it raises the alarm")
        elif await self.turn("heartbeat", PERIOD):
            self._log_call(await _call(url), urlsplit(url).hostname or "")
        self._withheld = bool(reason)

    def _log_call(self, fault: str, host: str) -> None:
        """Log a failure, and its end, once; with the host alone, for the rest is a secret."""
        metrics.heartbeats.labels("failed" if fault else "sent").inc()
        if fault and not self._fault:
            log.warning("heartbeat.failed", host=host, reason=fault)
        elif self._fault and not fault:
            log.warning("heartbeat.returned", host=host)
        self._fault = fault


async def _call(url: str) -> str:
    """Return what went wrong, in words without the address; '' if nothing did. No redirect is followed."""
    timeout = aiohttp.ClientTimeout(TIMEOUT)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers={"User-Agent": AGENT}) as session,
            session.get(url, allow_redirects=False) as response,
        ):
            return "" if response.status < 300 else f"HTTP {response.status}"
    except TimeoutError:
        return f"no answer within {TIMEOUT:g} s"
    except (aiohttp.ClientError, ValueError, OSError) as error:  # their texts may hold the address
        return type(error).__name__
