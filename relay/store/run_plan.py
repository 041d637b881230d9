"""What accept gets of the run that an event tells of: its number, times, progress, and its place in the run's life."""

from dataclasses import replace

from relay.domain.events import Event
from relay.domain.identity import fingerprint
from relay.domain.run_numbers import begun
from relay.store.keys import digest

# An event's place in the life of its operation or batch; other names move nothing and are never late.
RANKS = {
    "operation.started": 0,
    "operation.progress": 1,
    "operation.phase.completed": 1,
    "operation.stalled": 1,
    "operation.recovered": 1,
    "batch.started": 0,
    "batch.operation.completed": 1,
}
OUTCOMES = frozenset({"operation.completed", "operation.failed", "operation.cancelled", "batch.completed"})
ID = 8  # bytes by which an operation remembers a fact or a sender's id


def begun_at(event: Event) -> dict[str, int]:
    """When the run began that a start tells of (ms). A retry under a new id is counted by its original."""
    moment = None if event.original else begun(event)
    return {"begun": int(moment.timestamp() * 1000)} if moment else {}


def as_stated(event: Event) -> dict[str, str]:
    """The fact as the document alone says it, where only the time of receipt decided of which run it is: what is sent
    again is received again, and a run may have begun in between."""
    stated = stated_retry(event)
    if event.dated or event.about_batch or not event.operation or event.retry == stated:
        return {}
    alone = replace(event, operation=replace(event.operation, retry=stated))
    return {"as_stated": digest("fact", fingerprint(alone))[:ID].hex()}


def progress_of(event: Event) -> dict[str, float]:
    """How far it is, as far as it is stated."""
    done = event.operation.phases_completed if event.operation and not event.about_batch else None
    progress = {"percentage": event.percentage, "phases": done}
    return {key: value for key, value in progress.items() if value is not None}


def urgency_of(event: Event, *, terminal: bool) -> str:
    """Its place among what is due (`URGENCIES` in scripts/include/queues.lua)."""
    if terminal:
        return "1"
    if event.name == "operation.stalled":
        return "2"
    return "3" if str(event.phase.get("status") or event.phase.get("phaseStatus")) in ("Failed", "Error") else ""


def times_of(event: Event) -> dict[str, int]:
    """What the watchdog measures a run by, as far as it is stated: start, estimate and deadline (ms)."""
    operation = event.operation
    times = {key: getattr(operation, key, None) for key in ("started", "estimate", "deadline")}
    return {key: int(moment.timestamp() * 1000) for key, moment in times.items() if moment}


def stated_retry(event: Event) -> int:
    """The number that the document itself gives, whatever run of the original it turned out to be."""
    documents = (event.operation.document if event.operation else {}, event.document)
    numbers = [document.get("retryNumber") for document in documents]
    return next((number for number in numbers if isinstance(number, int) and 0 <= number < 1_000_000), 0)
