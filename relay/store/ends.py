"""What accept keeps of a run's end for later runs of its job (scripts/include/jobs.lua).

Whoever accepts an outcome writes its end, in the same step or by a letter; what a run says again, or otherwise, stands
behind what it said, and the last counts. Nothing is written for what ends no run.
"""

from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from relay.domain.events import Event
from relay.domain.jobs import Job, job_of
from relay.domain.outcomes import outcome_of
from relay.store.keys import digest, operation
from relay.store.sealing import NAME, Sealer

MOST = 10_000  # jobs


def run_name(event: Event) -> str:
    """Which run of which operation: what its end is known by."""
    return f"{operation(event.subject, event.space(event.subject))[:16]}:{event.retry}"


def job_name(job: Job, sealer: Sealer | None = None) -> str:
    """The name under which its ends are found; with another current key it is another one."""
    plain = digest("job", *job)
    return (sealer.hashed(plain) if sealer else plain).hex()


def end_plan(event: Event, partitions: int, sealer: Sealer | None = None) -> dict[str, Any]:
    """What accept keeps of an outcome for later runs of its job: that, the end, and how many jobs a partition has."""
    job = job_of(event, name=event.job)
    if job is None and (event.job is not None or event.about_batch):
        return {}
    end = outcome_of(event, run_name(event))
    times = (round(1000 * moment) if moment is not None else None for moment in (end.ended, end.started))
    phases = [[_text(name), seconds] for name, seconds in end.phases]
    row = [end.run, end.status, *times, end.duration, end.error, _text(end.priority), phases]
    return {"end": [_line(job, sealer) if job else "", to_json(row).decode(), -(-MOST // partitions), partitions]}


def job_plan(event: Event, sealer: Sealer | None = None) -> dict[str, Any]:
    """Where a template names the job, events before the outcome may be all that state what it asks for."""
    job = job_of(event, name=event.job) if event.job else None
    return {"job": _line(job, sealer)} if job else {}


@lru_cache(1024)
def _line(job: Job, sealer: Sealer | None) -> str:
    """As it stands in the list of all jobs: always the same with one key."""
    names = to_json([_text(part) for part in job]).decode()
    return f"{job_name(job, sealer)} {sealer.seal_text(names, NAME) if sealer else names}"


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
