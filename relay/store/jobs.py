"""The history of jobs, read: how the last runs of each ended (relay/store/ends.py writes it)."""

from collections.abc import Sequence

import structlog
from pydantic_core import from_json

from relay.domain import fields
from relay.domain.ends import End
from relay.domain.jobs import Job
from relay.store.client import call
from relay.store.ends import job_name
from relay.store.queue import Store

log = structlog.get_logger(__name__)

KEPT = 50  # ends of each


class Jobs:
    """Every failure is StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._redis = store.redis
        self._partitions = store.partitions

    async def ends(self, job: Job) -> tuple[End, ...]:
        """The last ends of its runs, in the order in which they were told; of a run there may be several."""
        name = job_name(job)
        rows = await call(self._redis.lrange(self._partitions.of(name).key(f"job:{name}"), -KEPT, -1))
        return read(rows)


def read(rows: Sequence[bytes]) -> tuple[End, ...]:
    """What a job's list has. One that is damaged, or of a newer relay, is left out."""
    return tuple(end for row in rows if (end := _end(row)))


def _end(row: bytes) -> End | None:
    began, _, text = row.decode("utf-8", "replace").partition(" ")
    try:
        run, status, ended, started, duration, error, priority, phases, *_ = from_json(text)
        start = started / 1000 if started is not None else _began(began)
        if start is not None and start >= ended / 1000:  # of an outcome that was the first that was heard of the run
            start = None
        if duration is None and start is not None:
            duration = ended / 1000 - start
        spans = tuple((str(name), float(seconds)) for name, seconds in phases)
        return End(run, status, ended / 1000, start, duration, spans, error, priority)
    except (ValueError, TypeError) as problem:
        log.warning("job.unreadable", error=type(problem).__name__)
        return None


def _began(text: str) -> float | None:
    """A time as documents state it, or ms; what no event said is empty."""
    if text.isdecimal():
        return int(text) / 1000
    moment = fields.moment(text or None)
    return moment.timestamp() if moment else None
