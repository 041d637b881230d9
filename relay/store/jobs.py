"""The history of jobs, read: how the last runs of each ended (relay/store/run_plan.py writes it)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog
from pydantic_core import from_json

from relay.domain import documents
from relay.domain.events import Event, Outcome
from relay.domain.jobs import LENGTHS, Job, job_of
from relay.domain.outcomes import before, outcome_of
from relay.errors import StoreUnavailable, Unsealable
from relay.store.client import call
from relay.store.keys import operation as operation_name
from relay.store.partitions import Partition
from relay.store.queue import Store
from relay.store.reading import read_all
from relay.store.run_plan import job_name, run_name
from relay.store.sealing import NAME as NAMES
from relay.store.sealing import Sealer, open_texts

log = structlog.get_logger(__name__)

KEPT = 50  # ends of each
NAME = 32  # characters that a job's line begins with
ALIKE = 50  # jobs whose last runs ended in one ms, and a page takes in beside its own

_CURSOR = re.compile(r"(\d{1,15})-([0-9a-f]{32})")


@dataclass(frozen=True, slots=True)
class JobEnd:
    """A job, and when the last of its runs ended (seconds since the epoch)."""

    job: Job
    ended: float


@dataclass(frozen=True, slots=True)
class JobsPage:
    """`cursor` asks for those that ended before; '' if there are none."""

    rows: Sequence[JobEnd]
    cursor: str


class Jobs:
    """Every failure is StoreUnavailable."""

    def __init__(self, store: Store) -> None:
        self._redis = store.redis
        self._partitions = store.partitions
        self._sealer = store.sealer

    async def named(self, operation: str) -> Job | None:
        """Return the job of the operation of this name, where a template names jobs and its events have stated it."""
        row = await call(self._redis.hget(self._partitions.of(operation).key(f"operation:{operation}"), "job"))
        return read_job(row, self._sealer) if row else None

    async def of(self, event: Event) -> Job | None:
        """Return the job of the event's run, also where a template names jobs and only earlier events stated it."""
        if event.job is None:
            return await self.named(operation_name(event.subject, event.space(event.subject)))
        return job_of(event, name=event.job)

    async def compared(self, event: Event, job: Job) -> Event:
        """Add the outcomes before the event's own, which say what it changes of its job."""
        return replace(event, past=before(await self.ends(job), run_name(event), outcome_of(event).ended))

    async def ends(self, job: Job) -> tuple[Outcome, ...]:
        """Return the last ends of its runs, in the order of their events; of a run there may be several."""
        name = job_name(job, self._sealer)
        partition = self._partitions.of(name)
        if why := self._partitions.away.get(partition.number):  # each message would wait for it
            raise StoreUnavailable(why)
        rows = await call(self._redis.lrange(partition.key(f"job:{name}"), -KEPT, -1))
        return read(rows)

    async def ends_of_each(self, jobs: Sequence[Job]) -> list[tuple[Outcome, ...]]:
        """Of each of these as `ends`, asked together; nothing of a job whose partition is away."""
        names = [job_name(job, self._sealer) for job in jobs]

        async def ask(partition: Partition) -> dict[str, tuple[Outcome, ...]]:
            here = [name for name in names if self._partitions.of(name) is partition]
            commands = [("LRANGE", partition.key(f"job:{name}"), -KEPT, -1) for name in here]
            lists = await read_all(self._redis, partition.key("job"), commands)
            return {name: read(rows) for name, rows in zip(here, lists, strict=True)}

        parts = await self._partitions.each(ask)
        ends = {name: some for part in parts.values() for name, some in part.items()}
        return [ends.get(name, ()) for name in names]

    async def page(self, *, cursor: str = "", limit: int = 25) -> JobsPage:
        """Return the jobs that ended last, the newest first. ValueError for a cursor that no page gave."""
        ms, behind = _position(cursor)

        async def ask(partition: Partition) -> list[tuple[float, bytes]]:
            key, until = partition.key("jobs"), "+inf" if ms is None else ms
            rows = await call(
                self._redis.zrevrangebyscore(key, until, "-inf", start=0, num=limit + ALIKE, withscores=True)
            )
            return [(-float(score), row) for row, score in rows]

        parts = await self._partitions.each(ask)
        every = sorted(row for part in parts.values() for row in part)
        left = [(score, row) for score, row in every if ms is None or (score, row[:NAME]) > (-float(ms), behind)]
        rows = [
            (JobEnd(job, -score / 1000), row) for score, row in left[:limit] if (job := read_job(row, self._sealer))
        ]
        last = left[min(limit, len(left)) - 1] if left else None
        more = f"{-last[0]:.0f}-{last[1][:NAME].decode()}" if last and len(left) > limit else ""
        return JobsPage([job for job, _ in rows], more)

    async def ended_since(self, moments: dict[int, int], limit: int) -> tuple[list[Job], bool]:
        """Up to so many of each partition that ended since these ms (by partition), and whether these were all.

        The longest ago first. `moments` goes on with them; what ended in the last of these ms is given again.
        """
        jobs: list[Job] = []

        async def ask(partition: Partition) -> bool:
            since = moments.get(partition.number, 0)
            rows = await call(
                self._redis.zrangebyscore(partition.key("jobs"), since, "+inf", start=0, num=limit, withscores=True)
            )
            jobs.extend(job for row, _ in rows if (job := read_job(row, self._sealer)))
            moments[partition.number] = int(rows[-1][1]) if rows else since
            if len(rows) == limit and rows[0][1] == rows[-1][1]:  # all of one ms: none would follow
                moments[partition.number] += 1
            return len(rows) < limit

        return jobs, all((await self._partitions.each(ask)).values())

    async def missing(self) -> dict[str, bytes]:
        """Return the runs that have not begun, by the names of the operations that report them."""
        rows = await self._partitions.each(lambda partition: call(self._redis.hgetall(partition.key("missing"))))
        return {name.decode(): text for row in rows.values() for name, text in row.items()}

    async def forget_missing(self, operation: str) -> None:
        await call(self._redis.hdel(self._partitions.of(operation).key("missing"), operation))


def read(rows: Sequence[bytes]) -> tuple[Outcome, ...]:
    """Return the ends in a job's list. One that is damaged, or of a newer relay, is left out."""
    return tuple(end for row in rows if (end := _end(row)))


def _position(cursor: str) -> tuple[int | None, bytes]:
    if not cursor:
        return None, b""
    match = _CURSOR.fullmatch(cursor)
    if not match:
        raise ValueError("expected the cursor of an earlier page")
    return int(match[1]), match[2].encode()


def read_job(row: bytes, sealer: Sealer | None) -> Job | None:
    """Read a job as run_plan.py writes it, or None: damaged, sealed with another key, or with fewer names."""
    names = row.partition(b" ")[2].decode("utf-8", "replace")
    try:
        parts = from_json(open_texts(sealer, {"names": names}, {"names": NAMES})["names"])
    except (ValueError, Unsealable):
        parts = None
    if not isinstance(parts, list) or len(parts) < LENGTHS[0]:
        log.warning("job.unreadable", error="a row of names")
        return None
    return Job(*map(str, parts[: len(Job._fields)]))


def _end(row: bytes) -> Outcome | None:
    first, _, text = row.decode("utf-8", "replace").partition(" ")
    try:
        run, status, ended, started, duration, error, priority, phases, *_ = from_json(text)
        start = started / 1000 if started is not None else began(first)
        if start is not None and start >= ended / 1000:  # of an outcome that was the first event of the run
            start = None
        if duration is None and start is not None:
            duration = ended / 1000 - start
        spans = tuple((str(name), float(seconds)) for name, seconds in phases)
        return Outcome(run, status, ended / 1000, start, duration, spans, error, priority)
    except (ValueError, TypeError) as problem:
        log.warning("job.unreadable", error=type(problem).__name__)
        return None


def began(text: str) -> float | None:
    """A time as documents state it, or ms; what no event said is empty."""
    if text.isdecimal():
        return int(text) / 1000
    moment = documents.moment(text or None)
    return moment.timestamp() if moment else None
