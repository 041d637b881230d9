"""How runs of a delivery's job ended before it: what its message compares it with.

The store is asked once a minute for the edits of runs that go on, and anew for an outcome, whose messages to several
places see the same. Without an answer the message goes out as if nothing were known.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import structlog

from relay.domain.deliveries import Delivery
from relay.domain.events import Event
from relay.domain.jobs import Job, fold, job_of, named
from relay.domain.outcome_fields import ended
from relay.domain.outcomes import Outcome, before, of_runs, usual
from relay.errors import StoreUnavailable
from relay.store.ends import run_name

log = structlog.get_logger(__name__)

WHILE = 60.0  # seconds for which what was answered serves a run that goes on
MOMENT = 2.0  # and one that is over: its messages are made side by side
ACCEPTING = 1.0  # seconds after an outcome was heard of by which its end is in the store
REMEMBERED = 500  # jobs


class History(Protocol):
    """The part of the store that is asked."""

    async def ends(self, job: Job) -> tuple[Outcome, ...]: ...


class Past:
    """`template` is what the configuration says of jobs' names; '' for the operations' own."""

    def __init__(
        self, history: History, *, clock: Callable[[], float], template: Callable[[], str] = lambda: ""
    ) -> None:
        self._history = history
        self._clock = clock
        self._template = template
        self._answers: dict[Job, tuple[float, tuple[Outcome, ...]]] = {}

    async def complete(self, delivery: Delivery) -> Delivery:
        """The delivery with the ends of its job's other runs, up to its own. Never raises."""
        event = await self.of(delivery.event, delivery.history)
        if event is delivery.event:
            return delivery
        history = tuple(event if other == delivery.event else other for other in delivery.history)
        return replace(delivery, event=event, history=history)

    async def of(self, event: Event, history: Sequence[Event]) -> Event:
        """The event with these ends; `history` is what else is known of its operation."""
        if event.name == "digest":
            return await self._compared(event)
        if event.operation is None or event.about_batch:
            return event
        job = job_of(event, name=named(self._template(), *_documents(event, history)))
        own = run_name(event)
        over = (own, event.received_at.timestamp()) if event.terminal else None
        if job is None or not (ends := await self._ends(job, over)):
            return event
        until = ended(event) if event.terminal else event.occurred_at.timestamp()
        return replace(event, past=before(ends, own, until))

    async def _compared(self, event: Event) -> Event:
        """A digest with what is usual for the job of each row, in seconds. Where a template names jobs, rows do not say
        of which they are."""
        entries = event.document.get("entries")
        if self._template() or not isinstance(entries, list):
            return event
        rows = [entry if entry.get("batch") else await self._row(entry) for entry in entries]
        return replace(event, document={**event.document, "entries": rows}) if rows != entries else event

    async def _row(self, entry: Mapping[str, Any]) -> Mapping[str, Any]:
        platform, tenant, project, kind = (str(entry.get(name) or "") for name in Job._fields[:-1])
        name = str(entry.get("job") or fold(str(entry.get("name") or "")))
        common = usual(await self._ends(Job(platform, tenant, project, kind, name))) if name else None
        return {**entry, "usual": [common.low, common.median, common.high]} if common else entry

    async def _ends(self, job: Job, over: tuple[str, float] | None = None) -> tuple[Outcome, ...]:
        """One of each run, in the order of time.

        `over` is the run whose end is told, if one is, and when it was heard of. Its end is among them unless the
        answer is of before, when those of others that came in between would not count, or so many ended since that the
        store has dropped it: then another answer says no more.
        """
        now = self._clock()
        at, ends = self._answers.pop(job, (float("-inf"), ()))
        serves = 0 <= now - at < (MOMENT if over else WHILE)
        if not serves or (over and at < over[1] + ACCEPTING and all(end.run != over[0] for end in ends)):
            try:
                at, ends = now, of_runs(await self._history.ends(job))
            except StoreUnavailable as error:
                log.warning("job.unknown", error=str(error))
                return ()
        self._answers[job] = at, ends
        if len(self._answers) > REMEMBERED:
            del self._answers[next(iter(self._answers))]
        return ends


def _documents(event: Event, history: Sequence[Event]) -> Sequence[Mapping[str, Any]]:
    """The newest first, of each event what it says of the operation and then the rest of its body."""
    events = (event, *reversed(history))
    stated = [(other.operation.document, other.document) for other in events if other.operation]
    return [document for pair in stated for document in pair]
