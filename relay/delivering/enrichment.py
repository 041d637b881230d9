"""Enrichment of a delivery by results of the platform and earlier outcomes of its job; without an answer as it is."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakValueDictionary

import structlog

from relay.config import Config
from relay.domain.deliveries import Delivery
from relay.domain.digest_entries import ended_at, went_wrong
from relay.domain.events import Event, Outcome
from relay.domain.facts import Space
from relay.domain.jobs import Job, documents_of, fold, job_of, named
from relay.domain.outcomes import before, end_of, of_runs, usual
from relay.engine.jobs import run_name
from relay.errors import PlatformError, StoreUnavailable
from relay.platform.lookups import Lookups
from relay.store.queries.jobs import Jobs
from relay.store.results import ResultsCache

log = structlog.get_logger(__name__)

PATIENCE = 2.0  # seconds that a message waits
REST = 60.0  # seconds without asking after the platform did not answer: its outage delays one message, not each
RUNNING_FOR = 60.0  # seconds for which an answer serves a run that goes on
ENDED_FOR = 2.0  # and one that is over: its messages are made side by side
ACCEPTING = 1.0  # seconds after an outcome came by which it is in the store
MAX_JOBS = 500  # jobs


@dataclass(eq=False)
class Enrichment:
    """Results of completions, from the platform or the cache. `patience` is the seconds that a message waits."""

    platform: Lookups
    cache: ResultsCache
    clock: Callable[[], float]
    patience: float = PATIENCE
    _rests_until: float = 0.0
    _fetching: WeakValueDictionary[tuple[str, int, str], asyncio.Lock] = field(default_factory=WeakValueDictionary)

    async def complete(self, delivery: Delivery) -> Delivery:
        """Add the results wherever the delivery shows a completion without them. Never raises."""
        lacking = next((event for event in (delivery.event, *delivery.history) if _lacks_results(event)), None)
        if lacking is None:
            return delivery
        if not (self.platform.configured and self.platform.ours(Space.of_event(delivery.event))):
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
            cached = await self.cache.get(*run)
            if cached is not None:
                return cached
            subject, number, space = run
            return await self.cache.keep(subject, number, await self._fetched(event), space)

    async def _fetched(self, event: Event) -> dict[str, Any]:
        if event.operation is None or self.clock() < self._rests_until:
            return {}
        try:
            async with asyncio.timeout(self.patience):
                return await self.platform.results(event.operation.id)
        except PlatformError as error:
            if error.temporary:
                self._rests_until = self.clock() + REST
            log.warning("results.missing", operation=event.operation.id, error=str(error))
        except TimeoutError:
            self._rests_until = self.clock() + REST
            log.warning("results.missing", operation=event.operation.id, error=f"no answer in {self.patience:g} s")
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the platform, the message goes out
            log.error("results.missing", operation=event.operation.id, error=type(error).__name__)
        return {}


def _lacks_results(event: Event) -> bool:
    return event.name == "operation.completed" and event.status == "Completed" and not event.results


def _with_results(event: Event, results: dict[str, Any]) -> Event:
    return replace(event, results=results) if _lacks_results(event) else event


@dataclass(eq=False)
class JobHistory:
    """Job history of deliveries. `config` may name jobs otherwise than by their operations."""

    jobs: Jobs
    clock: Callable[[], float]
    config: Callable[[], Config] | None = None
    _answers: dict[Job, tuple[float, tuple[Outcome, ...]]] = field(default_factory=dict)

    async def complete(self, delivery: Delivery) -> Delivery:
        """Add the outcomes of its job's other runs, up to its own. Never raises."""
        event = await self.of(delivery.event, delivery.history)
        if event is delivery.event:
            return delivery
        history = tuple(event if other == delivery.event else other for other in delivery.history)
        return replace(delivery, event=event, history=history)

    async def of(self, event: Event, history: Sequence[Event]) -> Event:
        """Add these outcomes to the event; `history` is what else is known of its operation."""
        if event.name == "digest":
            return await self._compared(event)
        if event.operation is None or event.about_batch or event.is_alert:  # what fires and is resolved has no streak
            return event
        job = job_of(event, name=named(self._template, *documents_of(event, history)))
        run = run_name(event)
        over = (run, event.received_at.timestamp()) if event.terminal else None
        if job is None or not (ends := await self._ends(job, over)):
            return event
        until = end_of(event) if event.terminal else event.occurred_at.timestamp()
        return replace(event, past=before(ends, run, until))

    @property
    def _template(self) -> str:
        return self.config().job if self.config else ""

    async def _compared(self, event: Event) -> Event:
        """Add to each row of a digest what is usual for its job, in seconds, and whether it works again by now.

        Not where a template names jobs.
        """
        entries = event.document.get("entries")
        if self._template or not isinstance(entries, list):
            return event
        rows = [entry if entry.get("batch") else await self._row(entry) for entry in entries]
        moved = sum(entry.get("runs", 1) for entry in rows if entry.get("recovered"))
        moved -= sum(entry.get("runs", 1) for entry in entries if entry.get("recovered"))
        totals = dict(event.document.get("totals") or {})
        if moved:
            counts = {"attention": -moved, "recovered": moved}
            totals |= {name: totals.get(name, 0) + more for name, more in counts.items()}
        return replace(event, document={**event.document, "entries": rows, "totals": totals})

    async def _row(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        platform, tenant, project, kind = (str(entry.get(name) or "") for name in Job._fields[:4])
        name = str(entry.get("job") or fold(str(entry.get("name") or "")))
        ends = await self._ends(Job(platform, tenant, project, kind, name)) if name else ()
        newest = next((end for end in reversed(ends) if end.succeeded or end.failed), None)
        failed = ended_at(entry) if went_wrong(entry) else None  # the answer may be older than that
        if failed and newest and newest.succeeded and newest.ended > failed.timestamp():
            entry = {**entry, "recovered": True}
        common = usual(ends)
        return {**entry, "usual": [common.low, common.median, common.high]} if common else entry

    async def _ends(self, job: Job, over: tuple[str, float] | None = None) -> tuple[Outcome, ...]:
        """Return one outcome of each run, oldest first.

        `over` is the run that ended, if one did, and when its outcome came. An answer that lacks it is too old, unless
        so many runs ended since that the store has dropped it.
        """
        now = self.clock()
        at, ends = self._answers.pop(job, (float("-inf"), ()))
        serves = 0 <= now - at < (ENDED_FOR if over else RUNNING_FOR)
        if not serves or (over and at < over[1] + ACCEPTING and all(end.run != over[0] for end in ends)):
            try:
                at, ends = now, of_runs(await self.jobs.ends(job))
            except StoreUnavailable as error:
                log.warning("job.unknown", error=str(error))
                return ()
        self._answers[job] = at, ends
        if len(self._answers) > MAX_JOBS:
            del self._answers[next(iter(self._answers))]
        return ends
