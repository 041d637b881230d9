"""Enrichment: a completion without results gets them from the platform before it is sent.

It waits for them no longer than `PATIENCE`, and the platform is asked once: every attempt and every destination shows
the same. Without an answer the message goes out with what the event holds.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from weakref import WeakValueDictionary

import structlog

from relay.domain.deliveries import Delivery
from relay.domain.events import Event
from relay.domain.spaces import Space
from relay.errors import PlatformError, StoreUnavailable
from relay.platform.lookups import Lookups
from relay.store.results import ResultsCache

log = structlog.get_logger(__name__)

PATIENCE = 2.0  # seconds that a message waits
REST = 60.0  # seconds without asking after the platform did not answer: its outage delays one message, not each


class Enrichment:
    """Results of completions, from the platform or the cache. `patience` is the seconds that a message waits."""

    def __init__(
        self, platform: Lookups, cache: ResultsCache, *, clock: Callable[[], float], patience: float = PATIENCE
    ) -> None:
        self._platform = platform
        self._cache = cache
        self._clock = clock
        self._patience = patience
        self._rests_until = 0.0
        self._fetching: WeakValueDictionary[tuple[str, int, str], asyncio.Lock] = WeakValueDictionary()

    async def complete(self, delivery: Delivery) -> Delivery:
        """Add the results wherever the delivery shows a completion without them. Never raises."""
        if not (self._platform.configured and self._platform.ours(Space.of_event(delivery.event))):
            return delivery
        lacking = next((event for event in (delivery.event, *delivery.history) if _lacks_results(event)), None)
        if lacking is None:
            return delivery
        try:
            results = await self._results(lacking)
        except StoreUnavailable:
            return delivery
        if not results:
            return delivery
        return replace(
            delivery,
            event=_with_results(delivery.event, results),
            history=tuple(_with_results(event, results) for event in delivery.history),
        )

    async def _results(self, event: Event) -> dict[str, Any]:
        run = event.subject, event.retry, event.space(event.subject)
        lock = self._fetching.setdefault(run, asyncio.Lock())
        async with lock:  # the run's messages are made side by side
            cached = await self._cache.get(*run)
            if cached is not None:
                return cached
            subject, number, space = run
            return await self._cache.keep(subject, number, await self._fetched(event), space)

    async def _fetched(self, event: Event) -> dict[str, Any]:
        if event.operation is None or self._clock() < self._rests_until:
            return {}
        try:
            async with asyncio.timeout(self._patience):
                return await self._platform.results(event.operation.id)
        except PlatformError as error:
            if error.temporary:
                self._rests_until = self._clock() + REST
            log.warning("results.missing", operation=event.operation.id, error=str(error))
        except TimeoutError:
            self._rests_until = self._clock() + REST
            log.warning("results.missing", operation=event.operation.id, error=f"no answer in {self._patience:g} s")
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the platform, the message goes out
            log.error("results.missing", operation=event.operation.id, error=type(error).__name__)
        return {}


def _lacks_results(event: Event) -> bool:
    return event.name == "operation.completed" and event.status == "Completed" and not event.results


def _with_results(event: Event, results: dict[str, Any]) -> Event:
    return replace(event, results=results) if _lacks_results(event) else event
