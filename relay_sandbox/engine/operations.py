"""Operations: each step is taken once, in one transaction with the webhook requests that report it.

Any number of processes may share the work. What one of them claims and does not finish comes due again.
"""

from functools import partial
from typing import Any

from relay.receiving.problems import HttpProblem
from relay_sandbox.context import SandboxContext
from relay_sandbox.schema.requests import CancelOperation, RetryOperation, StartOperation
from relay_sandbox.simulation import documents, factory, outcomes
from relay_sandbox.simulation.transitions import EventContext, advance, begin, cancel
from relay_sandbox.storage.changes import Change, Records, name_of
from relay_sandbox.storage.records import Counters, Operation, Webhook
from relay_sandbox.webhooks.events import count_listeners


class Operations:
    def __init__(self, context: SandboxContext) -> None:
        self._context = context
        self._state = context.state

    async def start(self, scope: tuple[str, str], request: StartOperation) -> dict[str, Any]:
        operation = factory.new_operation(scope, request, self._context.clock(), self._context.speed)
        event_context = await self._event_context(operation)
        answer = documents.started(operation, count_listeners(operation, event_context.webhooks))
        change = begin(operation, event_context)
        await self._state.change([name_of(operation)], lambda _: change)
        await self._state.trim(Operation, operation.scope)
        return answer

    async def retry(self, original: Operation, request: RetryOperation) -> dict[str, Any]:
        """HttpProblem (409) unless the original has failed."""
        webhooks = await self._state.all(Webhook, original.scope)
        event_context, now = EventContext(webhooks, Counters(), self._context.links), self._context.clock()
        answer: dict[str, Any]

        def decide(records: Records) -> Change:
            nonlocal answer
            before: Operation = records[name_of(original)]
            if not before.over or before.status == "Completed":
                raise HttpProblem(409, f"The operation is {before.status}; only what has failed can be tried again.")
            fresh = factory.retry_of(before, request, now)
            before.retries += 1
            if not request.preserve_original_results:
                before.discarded = True
            answer = outcomes.retried(before, fresh, request.retry_mode, fresh.retry_number, now)
            change = begin(fresh, event_context)
            change.save.append(before)
            return change

        await self._state.change([name_of(original)], decide)
        return answer

    async def cancel(self, operation: Operation, request: CancelOperation) -> dict[str, Any]:
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

    async def advance(self, id_: str) -> None:
        """Take every step that is due."""
        while operation := await self._state.get(Operation, id_):
            event_context, now = await self._event_context(operation), self._context.clock()
            change = await self._state.change([name_of(operation)], partial(advance, context=event_context, now=now))
            if change is None or not change.save:
                return

    async def _event_context(self, operation: Operation) -> EventContext:
        webhooks = await self._state.all(Webhook, operation.scope)
        return EventContext(webhooks, await self._state.counters(operation.id), self._context.links)
