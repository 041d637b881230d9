"""Upkeep: silences that every process follows, history bounded in size and age, and digests due by the clock."""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import structlog

from relay import metrics
from relay.config import Config
from relay.domain.deliveries import Target, Window
from relay.errors import StoreUnavailable
from relay.outage import Outage
from relay.policy.destinations import Destination, zone_at
from relay.policy.schedules import windows
from relay.policy.silences import Silences
from relay.policy.targets import Targets
from relay.store import Store
from relay.store.audit import AuditTrail
from relay.store.forgetting import Forgetting
from relay.store.queries.silences import SilenceList

log = structlog.get_logger(__name__)

PERIOD = 1.0  # seconds
IN_FORCE = 1.5 * PERIOD  # seconds after which every process goes by what another one began


class Records:
    """Forgets records of what was done and sent that are old, and what Redis has no room for."""

    def __init__(self, store: Store, config: Callable[[], Config]) -> None:
        self._store = store
        self._config = config
        self._history, self._trail = Forgetting(store), AuditTrail(store.plain)

    async def tick(self, now: float) -> None:
        """Forget what is old or too much. Raises StoreUnavailable; a key of another type keeps nothing else from it."""
        fullness = await self._store.fullness()
        ended = await asyncio.gather(
            self._history.forget(now, self._config().retention, fullness),
            self._trail.trim(now),
            return_exceptions=True,
        )
        for error in ended:
            if isinstance(error, BaseException):
                raise error


@dataclass(eq=False)
class SilenceWatch:
    """Silences as the store has them; while that is away, the last known ones."""

    silences: Silences
    stored: SilenceList
    clock: Callable[[], float] = time.time
    outage: Outage = field(default_factory=Outage)

    async def run(self) -> None:
        """Read until cancelled. Never raises: without it no silence would end."""
        while True:
            await self.look()
            await asyncio.sleep(PERIOD)

    async def look(self) -> None:
        """Read once what has changed, and forget what is over."""
        try:
            if (lasting := (*await self.stored.lasting(),)) != self.silences.current:
                self.silences.replace(lasting)
        except StoreUnavailable as error:
            self.outage.failed(str(error))
        except Exception as error:  # noqa: BLE001 - as `run` says
            log.error("silences.failed", error=type(error).__name__)
        now = self.clock()
        if any(now >= silence.ends for silence in self.silences.current):
            self.silences.replace([silence for silence in self.silences.current if now < silence.ends])
        metrics.silences.set(len(self.silences.active(now)))


def at_hand(destination: Destination, config: Config, channels: Mapping[str, Any], now: float) -> Iterator[
    tuple[Target, Window]
]:  # fmt: skip
    """The addresses of a digest destination, each with the window that this moment is in."""
    zone = zone_at(destination, config.destination_defaults)
    for target in Targets(config, channels).for_digest(destination):
        yield target, windows(now, destination.at, destination.days, zone)[0]


@dataclass(eq=False)
class Digests:
    """Schedule digests that are sent without news while their window is open, even if no event arrives."""

    store: Store
    config: Callable[[], Config]
    channels: Mapping[str, Any]

    async def tick(self, now: float) -> None:
        """Schedule what is missing. Raises StoreUnavailable."""
        config = self.config()
        for destination in config.destinations.values():
            if destination.mode == "digest" and destination.sent_empty:
                for target, window in at_hand(destination, config, self.channels, now):
                    await self.store.bundles.schedule(target, window)
