"""What relay missed while it was away: it asks the platform for the runs it believes are going on, and for new ones.

Whatever differs goes in as an ordinary event. The fact is the same as the one the platform's own report states, so if
that comes as well, by a retry of the platform, people hear it once.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from relay.deliveries import Accepted
from relay.errors import InvalidEvent, PlatformError
from relay.events import Event
from relay.parsing import parse

log = structlog.get_logger(__name__)

PERIOD = 300.0  # seconds between two rounds of all processes together
QUIET = 120.0  # a run that was heard of so lately needs no asking
OVERLAP = 600.0  # how far before the last round new runs are looked for: clocks differ
MOST = 200  # runs asked for in one round; the longest unheard first


class Platform(Protocol):
    """The part of the platform's client that is needed. Raises PlatformError."""

    async def document(self, operation: str) -> dict[str, Any]: ...
    async def since(self, when: datetime, most: int) -> Sequence[str]: ...


class Runs(Protocol):
    """What relay itself knows. Raises StoreUnavailable."""

    async def turn(self, period: float) -> float | None:
        """Whose turn it is: for one process in each period the time of the last round, 0 if there was none."""
        ...

    async def unheard(self, seconds: float, most: int) -> Sequence[str]: ...
    async def unknown(self, operations: Sequence[str]) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Sender:
    """As what the events count that relay fetches itself."""

    source: str
    tenant: str = ""
    project: str = ""


class Reconciliation:
    """A tick of the scheduler. `take` makes an event durable, as if it had been sent."""

    def __init__(
        self, platform: Platform, runs: Runs, take: Callable[[Event], Awaitable[Accepted]], sender: Sender
    ) -> None:
        self._platform = platform
        self._runs = runs
        self._take = take
        self._sender = sender

    async def tick(self, now: float) -> None:
        """One round, if it is due and nobody else has it. Raises StoreUnavailable; then the next round does it."""
        last = await self._runs.turn(PERIOD)
        if last is None:
            return
        try:
            names = [*await self._runs.unheard(QUIET, MOST)]
            if last:  # a relay that has never asked before does not tell of what was before it
                fresh = await self._platform.since(datetime.fromtimestamp(last - OVERLAP, UTC), MOST)
                names += await self._runs.unknown(fresh)
            for name in dict.fromkeys(names):
                await self._look(name, now)
        except PlatformError as error:
            log.warning("reconciliation.stopped", error=str(error))

    async def _look(self, operation: str, now: float) -> None:
        try:
            document = await self._platform.document(operation)
        except PlatformError as error:
            if error.temporary or error.status in (0, 401, 403):
                raise
            log.info("reconciliation.skipped", operation=operation, error=str(error))
            return
        body = {
            "timestamp": datetime.fromtimestamp(now, UTC).isoformat(),
            "tenantId": self._sender.tenant,
            "projectId": self._sender.project,
            "operation": document,
        }
        try:
            event = parse(body, source=self._sender.source, received_at=datetime.fromtimestamp(now, UTC))
        except InvalidEvent as error:
            log.warning("reconciliation.skipped", operation=operation, error=str(error))
            return
        accepted = await self._take(event)
        if accepted.status == "accepted":
            log.info("reconciliation.told", operation=operation, name=event.name, status=event.status)
