"""What happens to operations, made to happen: each step once, in one transaction with the requests that tell of it.

Any number of processes may share the work. What one of them claims and does not finish comes due again.
"""

from functools import partial
from typing import Any

from relay.receiving.problems import HttpProblem
from relay.sandbox.context import SandboxContext
from relay.sandbox.schema import responses as answers
from relay.sandbox.schema.requests import CancelOperation, RetryOperation, StartOperation
from relay.sandbox.simulation import documents, outcomes
from relay.sandbox.simulation import factory as making
from relay.sandbox.simulation.transitions import Told, advanced, begun, cancelling, ended, reported
from relay.sandbox.storage.changes import Change, Found, name
from relay.sandbox.storage.records import Counters, Live, Operation, Outcome, Webhook
from relay.sandbox.webhooks.events import listeners


class Operations:
    def __init__(self, desk: SandboxContext) -> None:
        self._desk = desk
        self._state = desk.state

    async def start(self, scope: tuple[str, str], request: StartOperation) -> answers.Started:
        operation = making.operation(
            scope, request, self._desk.clock(), self._desk.speed, self._desk.runners.get(request.operation_type)
        )
        told = await self._told(operation)
        answer = documents.started(operation, listeners(operation, told.webhooks))
        change = begun(operation, told)
        await self._state.change([name(operation)], lambda _: change)
        await self._state.trim(Operation, operation.scope)
        return answer

    async def retry(self, original: Operation, asked: RetryOperation) -> answers.Retried:
        """HttpProblem (409) unless the original has failed."""
        webhooks = await self._state.all(Webhook, original.scope)
        told, now = Told(webhooks, Counters(), self._desk.links), self._desk.clock()
        answer: answers.Retried

        def decide(found: Found) -> Change:
            nonlocal answer
            before: Operation = found[name(original)]
            if not before.over or before.status == "Completed":
                raise HttpProblem(409, f"The operation is {before.status}; only what has failed can be tried again.")
            fresh = making.retry(before, asked, now, self._desk.runners.get(before.request.operation_type))
            before.retries += 1
            if not asked.preserve_original_results:
                before.discarded = True
            answer = outcomes.retried(before, fresh, asked.retry_mode, fresh.retry_number, now)
            change = begun(fresh, told)
            change.save.append(before)
            return change

        await self._state.change([name(original)], decide)
        return answer

    async def cancel(self, operation: Operation, asked: CancelOperation) -> answers.Cancelled:
        """HttpProblem (409) if it is over already."""
        told, now = await self._told(operation), self._desk.clock()

        def decide(found: Found) -> Change:
            current: Operation = found[name(operation)]
            if current.over:
                raise HttpProblem(409, f"The operation is {current.status} already.")
            return cancelling(current, asked, now, told)

        change = await self._state.change([name(operation)], decide)
        done = change.save[0] if change else operation
        return done.cancellation  # type: ignore[attr-defined, no-any-return]

    async def advance(self, id_: str) -> bool:
        """Tell of everything that is due; True if a real job is to be run for it now."""
        while operation := await self._state.get(Operation, id_):
            told, now = await self._told(operation), self._desk.clock()
            change = await self._state.change([name(operation)], partial(advanced, told=told, now=now))
            if change is None or not change.save or change.job:
                return bool(change and change.job)
        return False

    async def report(self, id_: str, live: Live) -> bool:
        """Note how far a real job is and tell of it; False if it is to stop."""
        if not (operation := await self._state.get(Operation, id_)):
            return False
        told, now = await self._told(operation), self._desk.clock()

        def decide(found: Found) -> Change | None:
            current: Operation | None = found[name(operation)]
            return None if current is None or current.over else reported(current, live, told, now)

        return await self._state.change([name(operation)], decide) is not None

    async def finish(self, id_: str, outcome: Outcome | None, error: dict[str, Any] | None, status: str) -> None:
        """The end of a real job: what it brought, or why it brought nothing."""
        if not (operation := await self._state.get(Operation, id_)):
            return
        told, now = await self._told(operation), self._desk.clock()

        def decide(found: Found) -> Change | None:
            current: Operation | None = found[name(operation)]
            if current is None or current.over or not current.live:
                return None
            current.outcome = outcome
            if outcome:
                live = current.live
                spans = [(start or now, end or now) for start, end in live.spans]
                current.live = live.model_copy(update={"percentage": 100.0, "fraction": 1.0, "spans": spans})
            return ended(current, status, now, told, error)

        await self._state.change([name(operation)], decide)

    async def _told(self, operation: Operation) -> Told:
        webhooks = await self._state.all(Webhook, operation.scope)
        return Told(webhooks, await self._state.counters(operation.id), self._desk.links)
