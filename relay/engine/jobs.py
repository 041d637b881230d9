"""History of jobs: how the last runs of each ended."""

from dataclasses import replace
from functools import lru_cache
from itertools import islice

from pydantic_core import from_json, to_json

from relay.domain.events import Event, Outcome
from relay.domain.jobs import LENGTHS, Job, job_of
from relay.domain.outcomes import before, end_of, outcome_of
from relay.engine import names
from relay.engine.arrival import Arrival
from relay.engine.draft import Draft
from relay.engine.records import DAY, JOB_NAMES, JOBS, Operation, ends_of
from relay.engine.runs import began
from relay.engine.state import State

ENDS = 50  # of each
KEEP_JOB = 90 * DAY  # after its last end
FORGOTTEN_AT_ONCE = 100


def name_of(job: Job) -> str:
    """Return what a job is called in the state."""
    return names.digest("job", *job.key).hex()


def stated(a: Arrival) -> str:
    """Return the names of the job that an event states, where a template names jobs; '' for none."""
    job = job_of(a.event, name=a.event.job) if a.event.job else None
    return _names(job) if job else ""


def of(d: State, event: Event) -> Job | None:
    """Return the job of an event's run, also where a template names jobs and only earlier events stated it."""
    if event.job is not None:
        return job_of(event, name=event.job)
    o = d.record(Operation, names.operation(event.subject, event.space(event.subject)))
    return read_job(o.job) if o else None


def compared(d: State, event: Event, job: Job) -> Event:
    """Add the outcomes before the event's own, which say what it changes of its job."""
    return replace(event, past=before(ends(d, job), run_name(event), end_of(event)))


def named(d: State, name: str) -> Job | None:
    """Return the job that is called so in the state."""
    text = d.field(JOB_NAMES, name)
    return read_job(text) if text else None


def ends(d: State, job: Job) -> tuple[Outcome, ...]:
    """Return the last ends of its runs, in the order of their events; of a run there may be several."""
    return tuple(end for line in d.log(ends_of(name_of(job))) if (end := read_end(line)))


def keep_end(d: Draft, o: Operation, a: Arrival, *, new_run: bool) -> None:
    """Record an outcome in the history of its job, and when its run began; not when one before did (`new_run`)."""
    event = a.event
    job = job_of(event, name=event.job) or (None if event.about_batch or event.job is not None else read_job(o.job))
    if job is None:
        return
    name = name_of(job)
    line = _line(event, None if new_run else began(o))
    d.append(ends_of(name), line, most=ENDS, kept=KEEP_JOB)
    is_new = d.score(JOBS, name) is None
    d.place(JOBS, name, d.now)
    stated = event.job or event.operation.name if event.operation and "#" in job.title else ""
    if is_new or stated:
        d.put(JOB_NAMES, name, _names(job, stated).encode())
    if is_new:
        forget(d, d.settings.max_jobs)


def forget(d: Draft, most: int | None = None) -> None:
    """Forget jobs that did not end for long; of more than `most`, those that ended longest ago."""
    surplus = 0 if most is None else d.size(JOBS) - most
    for count, (ended, name) in enumerate(islice(d.ascending(JOBS), FORGOTTEN_AT_ONCE)):
        if d.now - ended < KEEP_JOB and count >= surplus:
            return
        d.take_out(JOBS, name)
        d.remove(JOB_NAMES, name)
        d.clear_log(ends_of(name))


def read_job(text: str | bytes) -> Job | None:
    """Read the names of a job; None where they are damaged, or fewer."""
    try:
        parts = from_json(text)
    except ValueError:
        return None
    return Job(*map(str, parts[: len(Job._fields)])) if isinstance(parts, list) and len(parts) >= LENGTHS[0] else None


@lru_cache(1024)
def _names(job: Job, stated: str = "") -> str:
    """Write the names of a job, and behind all of them that of its newest run, where people call the job by it."""
    return to_json([_text(part) for part in ((*job, stated) if stated else job.key)]).decode()


def run_name(event: Event) -> str:
    return f"{names.operation(event.subject, event.space(event.subject))[:16]}:{event.retry}"


def _line(event: Event, started: float | None) -> bytes:
    """Write an end; its times are ms, and `started` is for one that does not state its own."""
    end = outcome_of(event, run_name(event))
    started = started if end.started is None else end.started
    if started is not None and started >= end.ended:  # of an outcome that was the first event of the run
        started = None
    lasted = end.ended - started if end.duration is None and started is not None else end.duration
    phases = [[_text(name), seconds] for name, seconds in end.phases]
    times = round(1000 * end.ended), None if started is None else round(1000 * started)
    return to_json([end.run, end.status, *times, lasted, end.error, _text(end.priority), phases])


def read_end(line: bytes) -> Outcome | None:
    """Read an end; None for one that is damaged."""
    try:
        run, status, ended, started, lasted, error, priority, phases, *_ = from_json(line)
        spans = tuple((str(name), float(seconds)) for name, seconds in phases)
        start = None if started is None else started / 1000
        return Outcome(run, status, ended / 1000, start, lasted, spans, error, priority)
    except (ValueError, TypeError):
        return None


def _text(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
