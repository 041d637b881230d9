"""Reconciliation: asks the platform about the runs that go on as far as relay knows, and for new ones.

Every difference is ingested as an event with the fingerprint of the platform's own report, which is a duplicate then.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog

from relay import metrics
from relay.config import Config
from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.domain.facts import Space
from relay.domain.parsing import parse
from relay.errors import HandlingFailed, InvalidEvent, PlatformError, handling
from relay.platform.lookups import Lookups
from relay.store.queries.runs import ReconciliationState, SilentRun

log = structlog.get_logger(__name__)

PERIOD = 300.0  # seconds between two rounds of all processes together
STARTING = 1.0  # the same for the first round of a process, which was away before
QUIET = 120.0  # seconds since a run's last event before it is asked about; after a start, every run is
OVERLAP = 600.0  # how far before the last round new runs are looked for: clocks differ
MOST = 200  # runs asked about in one round, of either kind; the longest silent and the oldest first
AT_ONCE = 5  # concurrent calls: a slow platform must not use up the round before new runs are looked for
LISTED = 5000  # new runs that are listed at most


class EventOrigin(NamedTuple):
    """Source and name space attributed to events that relay fetched itself."""

    source: str
    space: Space


@dataclass(eq=False)
class Reconciliation:
    """`platform` returns the configured one, and the origin of its answers; None where there is none."""

    platform: Callable[[], tuple[Lookups, EventOrigin] | None]
    rounds: ReconciliationState
    ingest: Callable[[Event], Awaitable[Accepted]]
    _starting: bool = True

    async def tick(self, now: float) -> None:
        """Make one round, if it is due and no other process does. Raises StoreUnavailable."""
        configured = self.platform()
        if configured is None:
            return
        platform, origin = configured
        last = await self.rounds.turn(STARTING if self._starting else PERIOD)
        if last is None:  # a start that came too soon after another's round asks at its next tick
            return
        quiet, self._starting = 0.0 if self._starting else QUIET, False
        try:
            stale = await self.rounds.unheard(quiet, MOST, origin.space)
            await self._compare_all(platform, origin, {run.operation: run for run in stale}, now)
        except PlatformError as error:  # no reason not to look for new ones
            log.warning("reconciliation.stopped", looking_at="runs that go on", error=str(error))
        try:
            # A relay that has never asked before notifies nobody of what happened before it.
            new = await platform.since(datetime.fromtimestamp(last - OVERLAP, UTC), LISTED) if last else ()
            unknown = [*reversed(await self.rounds.unknown(new, origin.space))]
            missed = await self._compare_all(platform, origin, dict.fromkeys(unknown[:MOST]), now)
            if len(unknown) <= MOST and not missed:  # else the next round goes on with what is unknown then
                await self.rounds.finished(now)
                log.info("reconciliation.finished", new=len(unknown))
        except PlatformError as error:
            log.warning("reconciliation.stopped", looking_at="new runs", error=str(error))

    async def _compare_all(
        self, platform: Lookups, origin: EventOrigin, runs: Mapping[str, SilentRun | None], now: float
    ) -> int:
        """Ask about these runs in order; return how many got no answer. PlatformError if none of a part gets one."""
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
                    await self._compare(origin, name, answer, now, runs[name])
            if len(silent) == len(part):
                raise silent[0]
            missed += len(silent)
        return missed

    async def _compare(
        self, origin: EventOrigin, operation: str, document: Mapping[str, Any], now: float, last_seen: SilentRun | None
    ) -> None:
        try:
            with handling():
                event = _event(document, origin, now)
            if last_seen and not _is_news(event, last_seen):
                return  # an answer without news is no sign of life: to the watchdog the run stays silent
            accepted = await self.ingest(event)
        except (InvalidEvent, HandlingFailed) as error:  # one bad document must not cost the others their round
            log.warning("reconciliation.skipped", operation=operation, error=str(error))
            return
        if accepted.status == "accepted":
            metrics.reconciled.inc()
            log.info("reconciliation.told", operation=operation, name=event.name, status=event.status)


def current_platform(lookups: Lookups, config: Config) -> tuple[Lookups, EventOrigin] | None:
    """Return the platform of this configuration, and its events' origin."""
    return (lookups, EventOrigin(config.platform_source, config.platform_space)) if lookups.configured else None


def _event(document: Mapping[str, Any], origin: EventOrigin, now: float) -> Event:
    """Return the state as the event that was missed, an outcome dated at its own time. Raises InvalidEvent."""
    fetched = datetime.fromtimestamp(now, UTC)
    body = {
        "timestamp": fetched.isoformat(),
        "tenantId": origin.space.tenant,
        "projectId": origin.space.project,
        "reconciled": True,  # for whoever reads its timeline
        "operation": document,
        **{key: document[key] for key in ("error", "cancellation") if document.get(key)},
    }
    event = parse(body, source=origin.source, received_at=fetched, platform=origin.space.platform)
    if not event.terminal:
        return event
    with contextlib.suppress(InvalidEvent, TypeError):
        dated = body | {"timestamp": document.get("endTime")}
        ended = parse(dated, source=origin.source, received_at=fetched, platform=origin.space.platform)
        return ended if ended.occurred_at <= fetched else event
    return event


def _is_news(event: Event, last_seen: SilentRun) -> bool:
    """Return whether the run has moved since relay's last event of it."""
    if event.terminal:
        return True
    if event.name == "operation.started" or event.percentage is None:
        return False
    if last_seen.percentage is None or event.percentage > last_seen.percentage:
        return True
    return event.phase_name != last_seen.phase
