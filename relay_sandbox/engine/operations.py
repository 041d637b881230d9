"""Operations: each step is taken once, in one transaction with the webhook requests that report it.

Any number of processes may share the work. What one of them claims and does not finish comes due again.
"""

from functools import partial
from typing import Any

from relay.receiving.problems import HttpProblem
from relay_sandbox.context import SandboxContext
from relay_sandbox.schema import responses
from relay_sandbox.schema.requests import CancelOperation, RetryOperation, StartOperation
from relay_sandbox.simulation import documents, factory, outcomes
from relay_sandbox.simulation.transitions import EventContext, advance, begin, cancel, end, report_progress
from relay_sandbox.storage.changes import Change, Records, name_of
from relay_sandbox.storage.records import Counters, Live, Operation, Outcome, Webhook
from relay_sandbox.webhooks.events import count_listeners


class Operations:
    def __init__(self, context: SandboxContext) -> None:
        self._context = context
        self._state = context.state

    async def start(self, scope: tuple[str, str], request: StartOperation) -> responses.Started:
        operation = factory.new_operation(
            scope,
            request,
            self._context.clock(),
            self._context.speed,
            self._context.runners.get(request.operation_type),
        )
        event_context = await self._event_context(operation)
        answer = documents.started(operation, count_listeners(operation, event_context.webhooks))
        change = begin(operation, event_context)
        await self._state.change([name_of(operation)], lambda _: change)
        await self._state.trim(Operation, operation.scope)
        return answer

    async def retry(self, original: Operation, request: RetryOperation) -> responses.Retried:
        """HttpProblem (409) unless the original has failed."""
        webhooks = await self._state.all(Webhook, original.scope)
        event_context, now = EventContext(webhooks, Counters(), self._context.links), self._context.clock()
        answer: responses.Retried

        def decide(records: Records) -> Change:
            nonlocal answer
            before: Operation = records[name_of(original)]
            if not before.over or before.status == "Completed":
                raise HttpProblem(409, f"The operation is {before.status}; only what has failed can be tried again.")
            fresh = factory.retry_of(before, request, now, self._context.runners.get(before.request.operation_type))
            before.retries += 1
            if not request.preserve_original_results:
                before.discarded = True
            answer = outcomes.retried(before, fresh, request.retry_mode, fresh.retry_number, now)
            change = begin(fresh, event_context)
            change.save.append(before)
            return change

        await self._state.change([name_of(original)], decide)
        return answer

    async def cancel(self, operation: Operation, request: CancelOperation) -> responses.Cancelled:
        """HttpProblem (409) if it is over already."""
        event_context, now = await self._event_context(operation), self._context.clock()

        def decide(records: Records) -> Change:
            current: Operation = records[name_of(operation)]
            if current.over:
                raise HttpProblem(409, f"The operation is {current.status} already.")
            return cancel(current, request, now, event_context)

        change = await self._state.change([name_of(operation)], decide)
        done = change.save[0] if change else operation
        return done.cancellation  # type: ignore[attr-defined, no-any-return]

    async def advance(self, id_: str) -> bool:
        """Take every step that is due; True if a real job has to be run for the operation now."""
        while operation := await self._state.get(Operation, id_):
            event_context, now = await self._event_context(operation), self._context.clock()
            change = await self._state.change([name_of(operation)], partial(advance, context=event_context, now=now))
            if change is None or not change.save or change.job:
                return bool(change and change.job)
        return False

    async def report(self, id_: str, live: Live) -> bool:
        """Record and report the progress of a real job; False if it has to stop."""
        if not (operation := await self._state.get(Operation, id_)):
            return False
        event_context, now = await self._event_context(operation), self._context.clock()

        def decide(records: Records) -> Change | None:
            current: Operation | None = records[name_of(operation)]
            return None if current is None or current.over else report_progress(current, live, event_context, now)

        return await self._state.change([name_of(operation)], decide) is not None

    async def finish(self, id_: str, outcome: Outcome | None, error: dict[str, Any] | None, status: str) -> None:
        """End a real job: with its outcome, or with the error that left it without one."""
        if not (operation := await self._state.get(Operation, id_)):
            return
        event_context, now = await self._event_context(operation), self._context.clock()

        def decide(records: Records) -> Change | None:
            current: Operation | None = records[name_of(operation)]
            if current is None or current.over or not current.live:
                return None
            current.outcome = outcome
            if outcome:
                live = current.live
                spans = [(start or now, end or now) for start, end in live.spans]
                current.live = live.model_copy(update={"percentage": 100.0, "fraction": 1.0, "spans": spans})
            return end(current, status, now, event_context, error)

        await self._state.change([name_of(operation)], decide)

    async def _event_context(self, operation: Operation) -> EventContext:
        webhooks = await self._state.all(Webhook, operation.scope)
        return EventContext(webhooks, await self._state.counters(operation.id), self._context.links)
