"""Batches: submitted whole or not at all, and looked at again whenever one of their operations ends."""

from typing import Any
from uuid import uuid4

from relay_sandbox.context import SandboxContext
from relay_sandbox.engine import batch_graph
from relay_sandbox.engine.batch_graph import FAILED, PENDING, BatchDecision, schedule
from relay_sandbox.schema import texts
from relay_sandbox.schema.requests import CancelOperation, RetryOperation, SubmitBatch
from relay_sandbox.simulation import documents, factory
from relay_sandbox.simulation.timeline import INSTANT, expected_seconds
from relay_sandbox.simulation.transitions import EventContext, begin, cancel
from relay_sandbox.storage.changes import Change, Records, name_of
from relay_sandbox.storage.records import ENDED, Batch, Counters, Operation, Webhook
from relay_sandbox.webhooks.events import batch_requests


class Batches:
    def __init__(self, context: SandboxContext) -> None:
        self._context = context
        self._state = context.state

    async def submit(self, scope: tuple[str, str], request: SubmitBatch) -> dict[str, Any]:
        """The batch; operations without dependencies run at once. FieldError for dependencies without an order."""
        now, speed, id_ = self._context.clock(), self._context.speed, f"batch-{uuid4()}"
        edges = batch_graph.graph(request.operations)
        members = [
            factory.new_operation(
                scope, member.as_operation(), now, speed,
                held=bool(edges[member.operation_key]), field=f"operations.{index}.parameters", batch=id_,
                key=member.operation_key,
            )
            for index, member in enumerate(request.operations)
        ]  # fmt: skip
        for index, member in enumerate(members):  # so that a list shows them in their order
            member.created += index * INSTANT
        seconds = {member.key: expected_seconds(member.plan) for member in members}
        span = max(start + seconds[key] for key, start in schedule(edges, seconds).items())
        batch = Batch(id=id_, tenant=scope[0], project=scope[1], created=now, request=request, span=span,
                      members={member.key: member.id for member in members})  # fmt: skip
        event_context = await self._event_context(batch)
        change = Change(save=[batch])
        for member in members:
            change.add(begin(member, event_context))
        answer = document(batch, members)
        change.send += batch_requests(batch, "batch.started", now, answer, event_context.webhooks)
        await self._state.change([name_of(batch)], lambda _: change)
        await self._state.trim(Operation, batch.scope, added=len(members))
        await self._state.trim(Batch, batch.scope)
        return answer

    async def show(self, batch: Batch) -> dict[str, Any]:
        operations = [await self._state.get(Operation, id_) for id_ in batch.members.values()]
        members = [member for member in operations if member]
        # The record of a batch changes only when a member ends, not when one begins.
        runs = batch.status == "Initiated" and any(status(member) not in (PENDING, "Initiated") for member in members)
        return document(batch.model_copy(update={"status": "Running"}) if runs else batch, members)

    async def advance(self, id_: str) -> None:
        """Start, retry, cancel and report what follows from the states of its operations."""
        if not (batch := await self._state.get(Batch, id_)):
            return
        event_context, now = await self._event_context(batch), self._context.clock()
        names = [name_of(batch), *(f"operation:{member}" for member in batch.members.values())]

        def decide(records: Records) -> Change | None:
            current: Batch | None = records[name_of(batch)]
            if current is None or current.ended is not None:
                return Change(due={name_of(batch): None})
            if current.members != batch.members:  # another process retried one meanwhile: look again
                return Change(due={name_of(batch): now})
            members = [records[f"operation:{member}"] for member in current.members.values()]
            return self._consequences(current, [member for member in members if member], event_context, now)

        await self._state.change(names, decide)

    def _consequences(self, batch: Batch, members: list[Operation], event_context: EventContext, now: float) -> Change:
        edges = batch_graph.graph(batch.request.operations)
        current = {member.key: member for member in members}
        statuses = {key: status(current[key]) if key in current else "Cancelled" for key in batch.members}
        decision = batch_graph.decide(edges, statuses, batch.request.failure_policy, batch.retried)
        change = Change(due={name_of(batch): None})
        for key in decision.start:
            current[key].began = now
            change.add(begin(current[key], event_context))
        change.add(self._cancel(decision, current, event_context, now))
        ended = [key for key, state in statuses.items()
                 if state in ENDED and key not in decision.retry and key not in batch.told]  # fmt: skip
        change.add(self._retry(decision, batch, current, event_context, now))
        batch.told += ended
        if decision.cancel:  # their ends are reported in the next turn
            change.due[name_of(batch)] = now
        batch.status = decision.status
        batch.ended = now if batch.status in ENDED else None
        change.save.append(batch)
        shown = document(batch, list(current.values()))
        for key in ended:
            if key in current:
                ended_one = documents.status(current[key], now)
                change.send += batch_requests(batch, "batch.operation.completed", now, shown, event_context.webhooks,
                                        member=current[key], operation=ended_one)  # fmt: skip
        if batch.ended is not None:
            change.send += batch_requests(batch, "batch.completed", now, shown, event_context.webhooks)
        return change

    def _cancel(
        self, decision: BatchDecision, current: dict[str, Operation], event_context: EventContext, now: float
    ) -> Change:
        change = Change()
        for key, why in decision.cancel.items():
            if key in current and not current[key].over:
                request = CancelOperation(reason=f"{why[:1].upper()}{why[1:]}")
                change.add(cancel(current[key], request, now, event_context))
        return change

    def _retry(
        self,
        decision: BatchDecision,
        batch: Batch,
        current: dict[str, Operation],
        event_context: EventContext,
        now: float,
    ) -> Change:
        change = Change()
        for key in decision.retry:
            before = current[key]
            fresh = factory.retry_of(before, RetryOperation(), now)
            before.retries += 1
            current[key], batch.members[key] = fresh, fresh.id
            batch.retried.append(key)
            change.save.append(before)
            change.add(begin(fresh, event_context))
        return change

    async def _event_context(self, batch: Batch) -> EventContext:
        return EventContext(await self._state.all(Webhook, batch.scope), Counters(), self._context.links)


def status(operation: Operation) -> str:
    """Return the status that a batch shows: an operation that waits for others is pending."""
    return PENDING if operation.began is None and not operation.over else operation.status


def document(batch: Batch, members: list[Operation]) -> dict[str, Any]:
    request, current = batch.request, {member.key: member for member in members}
    edges = batch_graph.graph(request.operations)
    seconds = {key: expected_seconds(current[key].plan) if key in current else 0.0 for key in edges}
    starts = schedule(edges, seconds)
    rows = [_member(current[key], edges[key], batch.created + starts[key]) for key in edges if key in current]
    answer: dict[str, Any] = {
        "batchId": batch.id,
        "batchName": request.batch_name,
        "status": batch.status,
        "operations": rows,
        "totalOperations": len(edges),
        "estimatedBatchDuration": texts.estimate(batch.span),
        "estimatedBatchCompletion": texts.iso(batch.created + batch.span),
        "batchStartTime": texts.iso(batch.created),
        "trackingUrl": f"/api/{batch.tenant}/{batch.project}/async/batch/{batch.id}",
        "completedOperations": sum(row["status"] == "Completed" for row in rows),
        "failedOperations": sum(row["status"] in FAILED for row in rows),
        "failurePolicy": request.failure_policy.model_dump(by_alias=True),
    }
    if request.batch_description:
        answer["batchDescription"] = request.batch_description
    if batch.ended is not None:
        answer["batchEndTime"] = texts.iso(batch.ended)
    return answer


def _member(operation: Operation, dependencies: list[str], start: float) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "operationKey": operation.key,
        "operationId": operation.id,
        "operationName": operation.request.operation_name,
        "operationType": operation.request.operation_type,
        "status": status(operation),
        "dependencies": dependencies,
        "estimatedDuration": texts.estimate(expected_seconds(operation.plan)),
    }
    if answer["status"] == PENDING:
        answer["estimatedStartTime"] = texts.iso(start)
    if operation.retry_number:
        answer["retryNumber"] = operation.retry_number
    return answer
