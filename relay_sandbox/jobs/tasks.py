"""Runs real jobs: a task for each, which renews its claim, notices a cancellation and stores the result."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import structlog

from relay.errors import StoreUnavailable
from relay.receiving.problems import location_of
from relay_sandbox.context import SandboxContext
from relay_sandbox.engine.operations import Operations
from relay_sandbox.runner import Job, JobResult, Runner, Stopped
from relay_sandbox.schema import texts
from relay_sandbox.storage.changes import LEASE, name_of
from relay_sandbox.storage.records import Live, Operation, Outcome

BEAT = 1.0  # seconds between two looks at whether the job is still wanted
GRACE = 30.0  # seconds that a cancelled job has for the step at hand
CANCEL_INTERVAL = 1.0  # seconds after which a task that goes on is cancelled again

log = structlog.get_logger(__name__)


async def cancel_until_done(*tasks: asyncio.Task[Any], again: float = CANCEL_INTERVAL) -> None:
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
            task.exception()  # retrieved, or asyncio logs that it never was


class Jobs:
    def __init__(
        self, context: SandboxContext, operations: Operations, beat: float = BEAT, grace: float = GRACE
    ) -> None:
        self._context = context
        self._operations = operations
        self._beat = beat
        self._grace = grace
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def run(self, id_: str) -> None:
        """Begin the job of this operation, unless it is being done here already."""
        if id_ not in self._tasks:
            task = self._tasks[id_] = asyncio.create_task(self._supervise(id_))
            task.add_done_callback(lambda _: self._tasks.pop(id_, None))

    async def idle(self) -> None:
        """Until all jobs that run here are done."""
        while self._tasks:
            await asyncio.wait(self._tasks.values())

    async def stop(self) -> None:
        """The jobs are begun again by whoever claims them next."""
        await cancel_until_done(*self._tasks.values())

    async def _supervise(self, id_: str) -> None:
        operation = await self._context.state.get(Operation, id_)
        runner = self._context.runners.get(operation.request.operation_type) if operation else None
        if not operation or not runner:
            return
        job = asyncio.create_task(self._execute(runner, operation))
        try:
            while not job.done():
                await asyncio.wait([job], timeout=self._beat)
                if not job.done() and not await self._still_wanted(operation):
                    if await self._may_finish(id_):
                        await asyncio.wait([job], timeout=self._grace)
                    await cancel_until_done(job)
            if not job.cancelled():
                job.result()
        except StoreUnavailable as error:
            log.warning("sandbox.job_left", operation=id_, reason=str(error))
        finally:
            await cancel_until_done(job)

    async def _still_wanted(self, operation: Operation) -> bool:
        now = self._context.clock()
        current = await self._context.state.get(Operation, operation.id)
        if current is None or current.over:
            return False
        began = current.began if current.began is not None else now
        if now >= began + current.plan.timeout:
            await self._operations.advance(operation.id)  # records the time-out
            return False
        deadline = began + current.plan.timeout
        await self._context.state.postpone("due", name_of(operation), min(now + LEASE, deadline))
        return True

    async def _may_finish(self, id_: str) -> bool:
        """Whether its step may be finished: its next report stops it."""
        current = await self._context.state.get(Operation, id_)
        return current is not None and current.status == "Cancelled" and not current.forced

    async def _execute(self, runner: Runner, operation: Operation) -> None:
        job = Job(operation.id, operation.request.operation_name, operation.request.parameters)
        progress = ProgressReporter(self._context, self._operations, operation.id, runner, self._context.clock())
        try:
            result = await runner.run(job, progress)
        except Stopped:
            return
        except ValueError as error:  # the runner's own message about its data
            fault = {"code": "INVALID_DATA", "message": str(error), "phase": progress.phase, "retryable": False}
            await self._operations.finish(operation.id, None, fault, "Failed")
        except Exception as error:  # noqa: BLE001 - a runner is foreign code
            log.error(
                "sandbox.job_failed", operation=operation.id, error=type(error).__name__, place=location_of(error)
            )
            fault = {"code": "RUNNER_FAILED", "message": f"The job ended with {type(error).__name__}",
                     "phase": progress.phase, "retryable": True}  # fmt: skip
            await self._operations.finish(operation.id, None, fault, "Failed")
        else:
            await self._operations.finish(operation.id, await self._store(operation.id, result), None, "Completed")

    async def _store(self, id_: str, result: JobResult) -> Outcome:
        # The files first: a crash here leaves unreferenced ones, which the next run overwrites.
        for file in result.files:
            await self._context.state.store_file(id_, file.filename, file.content)
        described = [
            {"name": file.name, "type": file.kind, "format": file.format, "size": texts.size(len(file.content)),
             "description": file.description, "filename": file.filename}
            for file in result.files
        ]  # fmt: skip
        return Outcome(summary=result.summary, phases=result.phases, artifacts=described,
                       recommendations=result.recommendations)  # fmt: skip


@dataclass
class ProgressReporter:
    """The `report` that a runner is given. Passed on when the job has moved by a percent, or a phase ended."""

    context: SandboxContext
    operations: Operations
    id: str
    runner: Runner
    begun: float
    live: Live = field(default_factory=Live)
    last_reported: float = -1.0

    @property
    def phase(self) -> str:
        return self.runner.phases[self.live.phase]

    async def __call__(
        self, phase: str, fraction: float, *, processed: int = 0, total: int = 0, activity: str = ""
    ) -> None:
        now, count = self.context.clock(), len(self.runner.phases)
        index = list(self.runner.phases).index(phase)
        spans = self.live.spans or [(None, None)] * count
        for earlier in range(index):
            spans[earlier] = (spans[earlier][0] or self.begun, spans[earlier][1] or now)
        start = spans[index][0] or (spans[index - 1][1] if index else None) or self.begun
        spans[index] = (start, now if fraction >= 1 else None)
        part = min(fraction, 1.0)
        self.live = Live(percentage=100 * (index + part) / count, phase=index, fraction=part, spans=spans,
                         processed=processed, total=total, activity=activity)  # fmt: skip
        if self.live.percentage - self.last_reported >= 1 or fraction >= 1:
            self.last_reported = self.live.percentage
            if not await self.operations.report(self.id, self.live.model_copy(update={"spans": list(spans)})):
                raise Stopped
