"""What relay missed while it was away: it asks the platform for the runs it believes are going on, and for new ones.

Whatever differs goes in as an ordinary event. The fact is the same as the one the platform's own report states, so if
that comes as well, by a retry of the platform, people hear it once.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from relay import metrics
from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.domain.faults import handling
from relay.domain.parsing import parse
from relay.errors import HandlingFailed, InvalidEvent, PlatformError
from relay.store.reconciliation import SilentRun

log = structlog.get_logger(__name__)

PERIOD = 300.0  # seconds between two rounds of all processes together
STARTING = 1.0  # the same for the first round of a process, which was away before
QUIET = 120.0  # a run that was heard of so lately needs no asking; after a start each does
OVERLAP = 600.0  # how far before the last round new runs are looked for: clocks differ
MOST = 200  # runs asked for in one round, of either kind; the longest unheard and the oldest first
AT_ONCE = 5  # calls side by side: a slow platform must not use up a round before new runs are looked for
LISTED = 5000  # new runs that are listed at most


class Platform(Protocol):
    """The part of the platform's client that is needed. Raises PlatformError."""

    async def document(self, operation: str) -> dict[str, Any]: ...
    async def since(self, when: datetime, most: int) -> Sequence[str]: ...


class Runs(Protocol):
    """What relay itself knows (relay/store/reconciliation.py). Raises StoreUnavailable."""

    async def turn(self, period: float) -> float | None: ...
    async def finished(self, at: float) -> None: ...
    async def unheard(self, seconds: float, most: int, *, tenant: str, project: str) -> Sequence[SilentRun]: ...
    async def unknown(self, operations: Sequence[str]) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class EventOrigin:
    """As what the events count that relay fetches itself, and of which project they are."""

    source: str
    tenant: str = ""
    project: str = ""


class Reconciliation:
    """A tick of the scheduler. `take` makes an event durable, as if it had been sent.

    `asked` says who is asked now, and as what its answers count; None where no platform is configured.
    """

    def __init__(
        self,
        asked: Callable[[], tuple[Platform, EventOrigin] | None],
        runs: Runs,
        take: Callable[[Event], Awaitable[Accepted]],
    ) -> None:
        self._asked = asked
        self._runs = runs
        self._take = take
        self._starting = True

    async def tick(self, now: float) -> None:
        """One round, if it is due and nobody else has it. Raises StoreUnavailable; then the next round does it."""
        asked = self._asked()
        if asked is None:
            return
        platform, sender = asked
        last = await self._runs.turn(STARTING if self._starting else PERIOD)
        if last is None:  # a start that came too soon after another's round asks at its next tick
            return
        quiet, self._starting = 0.0 if self._starting else QUIET, False
        try:
            stale = await self._runs.unheard(quiet, MOST, tenant=sender.tenant, project=sender.project)
            await self._look(platform, sender, {run.operation: run for run in stale}, now)
        except PlatformError as error:  # which is no reason not to look for new ones
            log.warning("reconciliation.stopped", looking_at="runs that go on", error=str(error))
        try:
            # A relay that has never asked before does not tell of what was before it.
            new = await platform.since(datetime.fromtimestamp(last - OVERLAP, UTC), LISTED) if last else ()
            unknown = [*reversed(await self._runs.unknown(new))]
            missed = await self._look(platform, sender, dict.fromkeys(unknown[:MOST]), now)
            if len(unknown) <= MOST and not missed:  # else the next round goes on with what is unknown then
                await self._runs.finished(now)
                log.info("reconciliation.finished", new=len(unknown))
        except PlatformError as error:
            log.warning("reconciliation.stopped", looking_at="new runs", error=str(error))

    async def _look(
        self, platform: Platform, sender: EventOrigin, runs: Mapping[str, SilentRun | None], now: float
    ) -> int:
        """Ask about these, in their order; how many got no answer, though others did. PlatformError if none does."""
        names, missed = [*runs], 0
        for start in range(0, len(names), AT_ONCE):
            part = names[start : start + AT_ONCE]
            answers = await asyncio.gather(*map(platform.document, part), return_exceptions=True)
            silent: list[PlatformError] = []
            for name, answer in zip(part, answers, strict=True):
                if isinstance(answer, PlatformError):
                    if answer.temporary or answer.status in (0, 401, 403):
                        silent.append(answer)
                    log.info("reconciliation.skipped", operation=name, error=str(answer))
                elif isinstance(answer, BaseException):
                    raise answer
                else:
                    await self._compare(sender, name, answer, now, runs[name])
            if len(silent) == len(part):
                raise silent[0]
            missed += len(silent)
        return missed

    async def _compare(
        self, sender: EventOrigin, operation: str, document: Mapping[str, Any], now: float, known: SilentRun | None
    ) -> None:
        try:
            with handling():
                event = _event(document, sender, now)
            if known and not _news(event, known):
                return  # that it was asked about is no sign of life: the watchdog still finds it silent
            accepted = await self._take(event)
        except (InvalidEvent, HandlingFailed) as error:  # one that cannot be taken must not cost the others their round
            log.warning("reconciliation.skipped", operation=operation, error=str(error))
            return
        if accepted.status == "accepted":
            metrics.reconciled.inc()
            log.info("reconciliation.told", operation=operation, name=event.name, status=event.status)


def _event(document: Mapping[str, Any], sender: EventOrigin, now: float) -> Event:
    """The state as the event that was missed; of an outcome at the time when it was. Raises InvalidEvent."""
    fetched = datetime.fromtimestamp(now, UTC)
    body = {
        "timestamp": fetched.isoformat(),
        "tenantId": sender.tenant,
        "projectId": sender.project,
        "reconciled": True,  # for those who look into its story
        "operation": document,
        **{key: document[key] for key in ("error", "cancellation") if document.get(key)},
    }
    event = parse(body, source=sender.source, received_at=fetched)
    if not event.terminal:
        return event
    with contextlib.suppress(InvalidEvent, TypeError):
        ended = parse(body | {"timestamp": document.get("endTime")}, source=sender.source, received_at=fetched)
        return ended if ended.occurred_at <= fetched else event
    return event


def _news(event: Event, known: SilentRun) -> bool:
    if event.terminal:
        return True
    if event.name == "operation.started" or event.percentage is None:
        return False
    return known.percentage is None or event.percentage > known.percentage or event.phase_name != known.phase
