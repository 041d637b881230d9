"""The runs that go on, as the watchdog sees them: what accept.lua keeps of each, read back."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from relay.domain.documents import rows
from relay.domain.events import TERMINAL, Event
from relay.domain.facts import Space
from relay.domain.jobs import Alarms, Job, Run, branch_in, fold
from relay.domain.parsing import load
from relay.errors import relay_line
from relay.store.client import call
from relay.store.jobs import began, read_job
from relay.store.keys import TICKS, operation
from relay.store.partitions import Partition
from relay.store.queue import Store
from relay.store.records import FIELDS, OVER, SEALED, documents_of, values_in, values_of
from relay.store.sealing import BODY, Sealer, open_texts, opened

log = structlog.get_logger(__name__)

RETENTION = 30 * 86_400.0
AWAY = 120.0  # seconds without a tick of any process after which relay was away
MOST_RUNS, PAGE = 50_000, 200  # that are looked at for their jobs, and in one step
MOST_MEMBERS = 1000  # of a batch that are asked about
MEMBER = ("state", "facts")  # what is asked of each
PAUSE = 20.0  # seconds for which a run that was given out is not given again: less than between two ticks


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """Redis's time, until when nothing may be found wrong, and how many runs are stalled.

    `left`: those that were forgotten since the last tick with an open alarm, and without a last message.
    """

    now: float
    grace_until: float
    stalled: int
    left: int = 0


@dataclass(frozen=True, slots=True)
class DueRun:
    """A run that may be due."""

    operation: str  # the store's name for it
    ticket: int
    run: Run


@dataclass(frozen=True, slots=True)
class Page:
    now: float
    runs: Sequence[DueRun]
    more: bool


class Runs:
    """Any number of processes may ask at once. Every failure is StoreUnavailable, and everything may be repeated."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def _each(self, script: str, args: Sequence[str | int]) -> list[Any]:
        """Return the answers of the present partitions: the others' runs are not watched meanwhile."""
        return [*(await self._store.partitions.each(lambda partition: partition.run(script, args))).values()]

    async def tick(self, grace: float) -> Heartbeat:
        """The sign that relay is there; after an absence everyone waits for `grace` seconds."""
        answers = await self._each("watch", ["tick", int(AWAY * 1000), int(grace * 1000)])
        now, until, stalled, left = ([int(number) for number in numbers] for numbers in zip(*answers, strict=True))
        return Heartbeat(min(now) / 1000, max(until) / 1000, sum(stalled), sum(left))

    async def last_tick(self) -> float | None:
        """Return the time of the last tick of any process; None before the first."""
        redis = self._store.redis
        lasts = await self._store.partitions.each(lambda partition: call(redis.hget(partition.key(TICKS), "last")))
        return max((int(last) / 1000 for last in lasts.values() if last), default=None)

    async def trim(self, limit: int, retention: float = RETENTION) -> int:
        """Drop the documents of up to `limit` runs of a partition that ended three days ago; how many were due in one.

        `retention`: seconds after its outcome for which the rest of a run is remembered.
        """
        args = (limit, int(retention * 1000))

        async def trim(partition: Partition) -> int:
            done, *elsewhere = await partition.run("trim", args)
            lanes = {name.decode(): [lane.decode() for lane in row] for name, *row in elsewhere}
            free = [name for name in lanes if not await self._queued(lanes[name])]
            if free:
                await partition.run("trim", (0, args[1], *free))
            return int(done)

        return max((await self._store.partitions.each(trim)).values())

    async def _queued(self, lanes: Sequence[str]) -> bool:
        """Return True where a delivery waits in one of these lanes."""
        for lane in lanes:
            keys = [self._store.partitions.of(lane).key(f"lane:{lane}{queue}") for queue in ("", "/replies")]
            if await call(self._store.redis.exists(*keys)):
                return True
        return False

    async def report_tick(self, name: str, fault: str) -> None:
        """Record the error of the newest tick of this name, of any process; '' for none."""
        redis, kept, moment = self._store.redis, f"failed:{name}", await self._store.time()

        async def report(partition: Partition) -> None:
            key = partition.key(TICKS)
            await call(redis.hset(key, kept, f"{moment:.0f} {fault}") if fault else redis.hdel(key, kept))

        await self._store.partitions.each(report)

    async def failed_ticks(self) -> dict[str, tuple[float, str]]:
        """The ticks that failed last: when, by Redis's clock, and why."""
        redis = self._store.redis
        rows = await self._store.partitions.each(lambda partition: call(redis.hgetall(partition.key(TICKS))))
        failed = {name[7:].decode(): value.decode("utf-8", "replace") for row in rows.values()
                  for name, value in row.items() if name.startswith(b"failed:")}  # fmt: skip
        return {name: (float(text.partition(" ")[0]), text.partition(" ")[2]) for name, text in failed.items()}

    async def due(self, limit: int) -> Page:
        """Runs that may be due, the longest waiting first."""
        pages = await self._each("watch", ["due", limit, int(PAUSE * 1000)])
        runs = [
            DueRun(name.decode(), int(ticket), run)
            for _, _, *rows in pages
            for name, ticket, *row in rows
            if (run := _read(name, row, self._store.sealer))
        ]
        now, looked = min(int(now) for now, *_ in pages), max(int(looked) for _, looked, *_ in pages)
        return Page(now / 1000, runs, looked >= limit)

    async def check_again_at(self, times: Sequence[tuple[DueRun, float]]) -> None:
        """Set the time of the next look at these; events may bring it forward."""
        partitions = self._store.partitions

        async def check(partition: Partition) -> None:
            theirs = [(run, at) for run, at in times if partitions.of(run.operation) is partition]
            flat = [part for run, at in theirs for part in (run.operation, run.ticket, int(at * 1000))]
            if flat:
                await partition.run("watch", ["again", *flat])

        await partitions.each(check)

    async def begun(self, *, named: bool = False) -> dict[Job, list[float]]:
        """Return the beginnings of each job's present runs. `named`: a template names the jobs.

        All of them are looked at: it is asked seldom.
        """
        starts: dict[Job, list[float]] = defaultdict(list)
        for partition in self._store.partitions.present:
            names = await call(self._store.redis.zrange(partition.key("watch"), 0, MOST_RUNS - 1))
            for page in range(0, len(names), PAGE):
                async with self._store.redis.pipeline(transaction=False) as pipeline:
                    for name in names[page : page + PAGE]:
                        pipeline.hmget(partition.key(f"operation:{name.decode()}"), *FIELDS, "job")
                    rows = await call(pipeline.execute())
                for name, (*row, line) in zip(names[page:], rows, strict=False):
                    run = _read(name, row, self._store.sealer)
                    job = (read_job(line, self._store.sealer) if line else None) if named else run and run.job
                    if run and job and run.started is not None:
                        starts[job].append(run.started)
        return starts

    async def history(self, operation: str) -> tuple[Event, ...]:
        """The newest event of each name in the run of this name (`DueRun.operation`), oldest first."""
        row = await call(self._store.redis.hgetall(self._store.partitions.of(operation).key(f"operation:{operation}")))
        sealer = self._store.sealer
        return tuple(load(opened(sealer, document, BODY, operation)) for document in documents_of(row))

    async def members_heard(self, history: Sequence[Event], now: float) -> float:
        """Return the time of the last event of any member of this batch; `now` where all are over.

        Looked up, and not kept with the batch: so it costs their events nothing.
        """
        members = {member: over for event in history for member, over in _members(event)}
        if not members:
            return 0.0
        newest = history[-1]
        whose = Space.of_event(newest)
        # The plain name may be of another tenant's.
        spaces = dict.fromkeys((whose.dump(), newest.space(newest.subject), ""))
        async with self._store.redis.pipeline(transaction=False) as pipeline:
            for name in (operation(member, space) for member in members for space in spaces):
                pipeline.hmget(self._store.partitions.of(name).key(f"operation:{name}"), *MEMBER)
            packed = iter(await call(pipeline.execute()))
        meant = [_state_of(whose, [next(packed) for _ in spaces]) for _ in members]
        if all(over or state.get("rank") == OVER for over, state in zip(members.values(), meant, strict=True)):
            return now
        return max(float(state.get(name, 0)) / 1000 for state in meant for name in ("last", "watch:heard"))


def _state_of(whose: Space, candidates: Sequence[Sequence[bytes | None]]) -> Mapping[str, str]:
    """Of the first of those that an id may mean in this space."""
    for state, packed in candidates:
        facts = values_of("facts", packed)
        if state and Space(*(facts.get(f"fact:{part}", "") for part in Space._fields)).may_be(whose):
            return values_of("state", state)
    return {}


def _members(event: Event) -> list[tuple[str, bool]]:
    """The batch's members, as far as one event names them, and whether it says that they are over."""
    listed = rows(event.batch.document.get("operations"))[:MOST_MEMBERS] if event.batch else []
    members = [(row.get("operationId"), row.get("status") in TERMINAL) for row in listed]
    if event.operation:
        members.append((event.own_id, event.operation.terminal))
    return [(member, over) for member, over in members if isinstance(member, str) and member]


def run_of(row: Sequence[bytes | None], sealer: Sealer | None = None) -> Run:
    """A run from the packed fields of its operation (relay/store/records.py)."""
    text = defaultdict(str, open_texts(sealer, values_in(row), SEALED))
    alarms = _alarms(text["id"], text["watch:alarms"])

    def seconds(name: str) -> float | None:
        return float(text[name]) / 1000 if text[name] else None

    return Run(
        subject=text["id"],
        last_event=seconds("watch:heard") or 0.0,
        moved=seconds("watch:moved") or 0.0,
        retry=int(text["retry"] or 0),
        gaps=tuple(float(gap) / 1000 for gap in text["watch:gaps"].split()),
        percentage=float(text["percentage"]) if text["percentage"] else None,
        phase=text["watch:phase"],
        estimate=seconds("watch:estimate"),
        planned=seconds("watch:planned") or 0.0,
        estimate_moves=int(text["watch:moves"] or 0),
        deadline=seconds("watch:deadline"),
        alarms=alarms,
        batch=bool(text["seq:batch.started"] or text["seq:batch.operation.completed"]),
        job=_job(text),
        started=began(text["entry:started"] or text["began"]),
        alarms_text=text["watch:alarms"],
    )


def _job(text: Mapping[str, str]) -> Job | None:
    """By the operation's own name."""
    name = fold(text["fact:name"])
    platform, tenant, project, type_ = (text[f"fact:{part}"] for part in ("platform", "tenant", "project", "type"))
    return Job(platform, tenant, project, type_, name, branch_in(text["fact:labels"])) if name else None


def _read(name: bytes, row: Sequence[bytes | None], sealer: Sealer | None) -> Run | None:
    """None for a row that cannot be read: that costs one run its watch, and not all of them."""
    try:
        return run_of(row, sealer)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is so at every tick
        log.error("watchdog.unreadable", operation=name.decode(), error=type(error).__name__, place=relay_line(error))
        return None


def _alarms(subject: str, text: str) -> Alarms:
    """Alarms that cannot be read begin anew: people may hear of one twice, which is better than never."""
    try:
        return Alarms.load(text)
    except (ValueError, TypeError, AttributeError) as error:
        log.warning("watchdog.alarms_unreadable", subject=subject, error=type(error).__name__)
        return Alarms()
