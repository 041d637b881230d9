"""The plan of an event's run: number, times, progress, place in the run's life, and the end for the job's history."""

from dataclasses import replace
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic_core import to_json

from relay.domain.events import OPERATOR_EVENTS, Event, Operation
from relay.domain.identity import fingerprint, has_failed
from relay.domain.jobs import Job, job_of
from relay.domain.outcomes import outcome_of
from relay.domain.run_numbers import latest_begin
from relay.store.keys import digest, operation
from relay.store.records import OVER
from relay.store.sealing import NAME, Sealer

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
UNSUCCESSFUL = frozenset({"Failed", "Timeout", "Cancelled"})
ID = 8  # bytes by which an operation remembers a fact or a sender's id


def run_plan(event: Event, *, terminal: bool) -> dict[str, Any]:
    """Return the stated values alone."""
    run = event.operation
    rank = int(OVER) if terminal else RANKS.get(event.name)
    plan: dict[str, Any] = {} if rank is None else {"rank": rank}
    if event.watch:
        plan["watch"] = event.watch
        if event.watch.get("batch"):  # its message goes on to show what is done: the alarm is posted below it
            del plan["rank"]
    if event.name == "batch.started":  # one of which members' ends alone are reported may never report its own
        plan["run"] = 1
    if (percentage := event.percentage) is not None:
        plan["percentage"] = percentage
    if run is None:
        return plan
    stated = stated_retry(event)
    if event.about_batch:
        plan |= _of_member(event, run, stated)
    else:
        goes_on = rank is not None and rank < int(OVER) and not event.watch
        plan |= _times(run, goes_on=goes_on) | _of_run(event, run, stated)
    if run.status in UNSUCCESSFUL:
        plan["member"] = digest("member", run.id, str(stated + event.restarts)).hex()
    return plan


def _of_member(event: Event, run: Operation, stated: int) -> dict[str, Any]:
    """Its batch says that it is over."""
    if event.name != "batch.operation.completed" or run.status == "Running":
        return {}
    return {"over": [operation(run.id, event.space(run.id)), stated]}


def _of_run(event: Event, run: Operation, stated: int) -> dict[str, Any]:
    plan: dict[str, Any] = {}
    if event.original:
        plan |= {"own": operation(run.id, event.space(run.id)), "stated": stated}
    elif moment := latest_begin(event):  # a retry under a new id is counted by its original
        plan["begun"] = ms(moment)
    if run.phases_completed is not None:
        plan["phases"] = run.phases_completed
    if event.compared:
        plan["ends"] = event.compared[:2]
        if event.compared.differs:
            plan["differs"] = " and ".join(event.compared.differs)
    # The fact as the document alone says it, where only the time of receipt decided of which run it is: what is sent
    # again is received again, and a run may have begun in between.
    if event.retry != stated and not event.dated and not (event.compared and event.compared.decisive):
        alone = replace(event, operation=replace(run, retry=stated))
        plan["as_stated"] = digest("fact", fingerprint(alone))[:ID].hex()
    return plan


def urgency_of(event: Event, *, terminal: bool) -> str:
    """Its place among what is due (`URGENCIES` in scripts/include/queues.lua)."""
    if terminal or event.name in OPERATOR_EVENTS:
        return "1"
    if event.name == "operation.stalled":
        return "2"
    return "3" if has_failed(event.phase) else ""


def _times(run: Operation, *, goes_on: bool) -> dict[str, int]:
    """Return its expected end (`eta`) and, where it goes on, the measures of the watchdog: start, estimate and
    deadline. All in ms, as far as they are stated."""
    times = {"eta": ms(run.estimate)} if run.estimate else {}
    if not goes_on:
        return times
    if run.started:
        times["started"] = ms(run.started)
    if run.estimate:
        times["estimate"] = times["eta"]
    if run.deadline:
        times["deadline"] = ms(run.deadline)
    return times | {"run": 1}


def ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def stated_retry(event: Event) -> int:
    """The number that the document itself gives, whatever run of the original it turned out to be."""
    for document in (event.operation.document if event.operation else {}, event.document):
        number = document.get("retryNumber")
        if isinstance(number, int) and 0 <= number < 1_000_000:
            return number
    return 0


MAX_JOBS = 10_000  # that a store remembers, in all partitions together


def run_name(event: Event) -> str:
    """Return the key of a run's end: operation and number of the run."""
    return f"{operation(event.subject, event.space(event.subject))[:16]}:{event.retry}"


def job_name(job: Job, sealer: Sealer | None = None) -> str:
    """Return the name of a job's list of ends; with another current key it is another one."""
    plain = digest("job", *job.key)
    return (sealer.hashed(plain) if sealer else plain).hex()


def end_plan(event: Event, partitions: int, sealer: Sealer | None = None, jobs: int = MAX_JOBS) -> dict[str, Any]:
    """Return the job, the end for its later runs, and how many jobs a partition keeps. {} for what ends no run."""
    job = job_of(event, name=event.job)
    if job is None and (event.job is not None or event.about_batch):
        return {}
    end = outcome_of(event, run_name(event))
    times = (round(1000 * moment) if moment is not None else None for moment in (end.ended, end.started))
    phases = [[_text(name), seconds] for name, seconds in end.phases]
    row = [end.run, end.status, *times, end.duration, end.error, _text(end.priority), phases]
    return {"end": [_line(job, sealer) if job else "", to_json(row).decode(), -(-jobs // partitions), partitions]}


def job_plan(event: Event, sealer: Sealer | None = None) -> dict[str, Any]:
    """Return the job of an event before the outcome, where a template names jobs: the outcome may not state them."""
    job = job_of(event, name=event.job) if event.job else None
    return {"job": _line(job, sealer)} if job else {}


@lru_cache(1024)
def _line(job: Job, sealer: Sealer | None) -> str:
    """Return the job as the list of all jobs has it: always the same with one key."""
    names = to_json([_text(part) for part in job.key]).decode()
    return f"{job_name(job, sealer)} {sealer.seal_text(names, NAME) if sealer else names}"


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
