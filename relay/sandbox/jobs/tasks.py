"""Runs real jobs: one task for each, which renews its claim, hears of a cancellation and stores what comes out."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import structlog

from relay.errors import StoreUnavailable
from relay.receiving.problems import place
from relay.sandbox.context import SandboxContext
from relay.sandbox.engine.operations import Operations
from relay.sandbox.runner import Brought, Job, Runner, Stopped
from relay.sandbox.schema import texts
from relay.sandbox.storage.changes import LEASE, name
from relay.sandbox.storage.records import Live, Operation, Outcome

BEAT = 1.0  # seconds between two looks at whether the job is still wanted
GRACE = 30.0  # seconds that a cancelled job has for the step at hand
AGAIN = 1.0  # seconds after which a task that goes on is cancelled again

log = structlog.get_logger(__name__)


async def end(*tasks: asyncio.Task[Any], again: float = AGAIN) -> None:
    """Cancel them until they are done.

    On Python 3.11 a cancellation that meets the end of a `wait_for`, as redis-py uses it, is swallowed
    (https://github.com/python/cpython/issues/86296).
    """
    while going := [task for task in tasks if not task.done()]:
        for task in going:
            task.cancel()
        await asyncio.wait(going, timeout=again)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # looked at, so that nobody complains that it was not


class Jobs:
    def __init__(self, desk: SandboxContext, operations: Operations, beat: float = BEAT, grace: float = GRACE) -> None:
        self._desk = desk
        self._operations = operations
        self._beat = beat
        self._grace = grace
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def run(self, id_: str) -> None:
        """Begin the job of this operation, unless it is being done here already."""
        if id_ not in self._tasks:
            task = self._tasks[id_] = asyncio.create_task(self._keep(id_))
            task.add_done_callback(lambda _: self._tasks.pop(id_, None))

    async def idle(self) -> None:
        """Until all jobs that run here are done."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def stop(self) -> None:
        """The jobs are begun again by whoever claims them next."""
        await end(*self._tasks.values())

    async def _keep(self, id_: str) -> None:
        operation = await self._desk.state.get(Operation, id_)
        runner = self._desk.runners.get(operation.request.operation_type) if operation else None
        if not operation or not runner:
            return
        job = asyncio.create_task(self._do(runner, operation))
        try:
            while not job.done():
                await asyncio.wait([job], timeout=self._beat)
                if not job.done() and not await self._wanted(operation):
                    if await self._may_finish(id_):
                        await asyncio.wait([job], timeout=self._grace)
                    await end(job)
            if not job.cancelled():
                job.result()
        except StoreUnavailable as error:
            log.warning("sandbox.job_left", operation=id_, reason=str(error))
        finally:
            await end(job)

    async def _wanted(self, operation: Operation) -> bool:
        now = self._desk.clock()
        current = await self._desk.state.get(Operation, operation.id)
        if current is None or current.over:
            return False
        began = current.began if current.began is not None else now
        if now >= began + current.plan.timeout:
            await self._operations.advance(operation.id)  # tells of the time-out
            return False
        deadline = began + current.plan.timeout
        await self._desk.state.postpone("due", name(operation), min(now + LEASE, deadline))
        return True

    async def _may_finish(self, id_: str) -> bool:
        """Whether its step may be finished: its next report stops it."""
        current = await self._desk.state.get(Operation, id_)
        return current is not None and current.status == "Cancelled" and not current.forced

    async def _do(self, runner: Runner, operation: Operation) -> None:
        job = Job(operation.id, operation.request.operation_name, operation.request.parameters)
        progress = Progress(self._desk, self._operations, operation.id, runner, self._desk.clock())
        try:
            brought = await runner.run(job, progress)
        except Stopped:
            return
        except ValueError as error:  # the runner's own words about its data
            fault = {"code": "INVALID_DATA", "message": str(error), "phase": progress.phase, "retryable": False}
            await self._operations.finish(operation.id, None, fault, "Failed")
        except Exception as error:  # noqa: BLE001 - a runner is somebody else's
            log.error("sandbox.job_failed", operation=operation.id, error=type(error).__name__, place=place(error))
            fault = {"code": "RUNNER_FAILED", "message": f"The job ended with {type(error).__name__}",
                     "phase": progress.phase, "retryable": True}  # fmt: skip
            await self._operations.finish(operation.id, None, fault, "Failed")
        else:
            await self._operations.finish(operation.id, await self._stored(operation.id, brought), None, "Completed")

    async def _stored(self, id_: str, brought: Brought) -> Outcome:
        # The files first: a crash here leaves some that nobody points at, and the next run writes them again.
        for file in brought.files:
            await self._desk.state.store_file(id_, file.filename, file.content)
        described = [
            {"name": file.name, "type": file.kind, "format": file.format, "size": texts.size(len(file.content)),
             "description": file.description, "filename": file.filename}
            for file in brought.files
        ]  # fmt: skip
        return Outcome(summary=brought.summary, phases=brought.phases, artifacts=described,
                       recommendations=brought.recommendations)  # fmt: skip


@dataclass
class Progress:
    """The `report` that a runner is given: reports are told on where they say something new."""

    desk: SandboxContext
    operations: Operations
    id: str
    runner: Runner
    begun: float
    live: Live = field(default_factory=Live)
    said: float = -1.0

    @property
    def phase(self) -> str:
        return self.runner.phases[self.live.phase]

    async def __call__(
        self, phase: str, fraction: float, *, processed: int = 0, total: int = 0, activity: str = ""
    ) -> None:
        now, count = self.desk.clock(), len(self.runner.phases)
        index = list(self.runner.phases).index(phase)
        spans = self.live.spans or [(None, None)] * count
        for earlier in range(index):
            spans[earlier] = (spans[earlier][0] or self.begun, spans[earlier][1] or now)
        start = spans[index][0] or (spans[index - 1][1] if index else None) or self.begun
        spans[index] = (start, now if fraction >= 1 else None)
        part = min(fraction, 1.0)
        self.live = Live(percentage=100 * (index + part) / count, phase=index, fraction=part, spans=spans,
                         processed=processed, total=total, activity=activity)  # fmt: skip
        if self.live.percentage - self.said >= 1 or fraction >= 1:
            self.said = self.live.percentage
            if not await self.operations.report(self.id, self.live.model_copy(update={"spans": list(spans)})):
                raise Stopped
