"""Batches, made to happen: submitted whole or not at all, and looked at whenever one of their operations ends."""

from typing import Any
from uuid import uuid4

from relay.sandbox.context import SandboxContext
from relay.sandbox.engine import batch_graph as batches
from relay.sandbox.engine.batch_graph import FAILED, PENDING, Decision, schedule
from relay.sandbox.schema import responses as answers
from relay.sandbox.schema import texts
from relay.sandbox.schema.requests import CancelOperation, RetryOperation, SubmitBatch
from relay.sandbox.simulation import documents
from relay.sandbox.simulation import factory as making
from relay.sandbox.simulation.timeline import INSTANT, usual
from relay.sandbox.simulation.transitions import Told, begun, cancelling
from relay.sandbox.storage.changes import Change, Found, name
from relay.sandbox.storage.records import ENDED, Batch, Counters, Operation, Webhook
from relay.sandbox.webhooks.events import of_batch


class Batches:
    def __init__(self, desk: SandboxContext) -> None:
        self._desk = desk
        self._state = desk.state

    async def submit(self, scope: tuple[str, str], request: SubmitBatch) -> answers.Batch:
        """The batch, with those of its operations running that wait for nothing. FieldError for one without order."""
        now, speed, id_ = self._desk.clock(), self._desk.speed, f"batch-{uuid4()}"
        edges = batches.graph(request.operations)
        members = [
            making.operation(
                scope, member.alone(), now, speed, self._desk.runners.get(member.operation_type),
                held=bool(edges[member.operation_key]), place=f"operations.{index}.parameters", batch=id_,
                key=member.operation_key,
            )
            for index, member in enumerate(request.operations)
        ]  # fmt: skip
        for index, member in enumerate(members):  # so that a list shows them in their order
            member.created += index * INSTANT
        seconds = {member.key: usual(member.plan) for member in members}
        span = max(start + seconds[key] for key, start in schedule(edges, seconds).items())
        batch = Batch(id=id_, tenant=scope[0], project=scope[1], created=now, request=request, span=span,
                      members={member.key: member.id for member in members})  # fmt: skip
        told = await self._told(batch)
        change = Change(save=[batch])
        for member in members:
            change.add(begun(member, told))
        answer = document(batch, members)
        change.send += of_batch(batch, "batch.started", now, answer, told.webhooks)
        await self._state.change([name(batch)], lambda _: change)
        await self._state.trim(Operation, batch.scope, added=len(members))
        await self._state.trim(Batch, batch.scope)
        return answer

    async def show(self, batch: Batch) -> answers.Batch:
        found = [await self._state.get(Operation, id_) for id_ in batch.members.values()]
        members = [each for each in found if each]
        # Nothing tells the batch when a member begins: what is kept of it changes when one ends.
        runs = batch.status == "Initiated" and any(status(each) not in (PENDING, "Initiated") for each in members)
        return document(batch.model_copy(update={"status": "Running"}) if runs else batch, members)

    async def advance(self, id_: str) -> None:
        """Start, retry, cancel and tell what follows from how its operations stand."""
        if not (batch := await self._state.get(Batch, id_)):
            return
        told, now = await self._told(batch), self._desk.clock()
        names = [name(batch), *(f"operation:{member}" for member in batch.members.values())]

        def decide(found: Found) -> Change | None:
            current: Batch | None = found[name(batch)]
            if current is None or current.ended is not None:
                return Change(due={name(batch): None})
            if current.members != batch.members:  # another process was faster: look again
                return Change(due={name(batch): now})
            members = [found[f"operation:{member}"] for member in current.members.values()]
            return self._followed(current, [member for member in members if member], told, now)

        await self._state.change(names, decide)

    def _followed(self, batch: Batch, members: list[Operation], told: Told, now: float) -> Change:
        edges = batches.graph(batch.request.operations)
        current = {member.key: member for member in members}
        statuses = {key: status(current[key]) if key in current else "Cancelled" for key in batch.members}
        decision = batches.decide(edges, statuses, batch.request.failure_policy, batch.retried)
        change = Change(due={name(batch): None})
        for key in decision.start:
            current[key].began = now
            change.add(begun(current[key], told))
        change.add(self._cancel(decision, current, told, now))
        ended = [key for key, each in statuses.items()
                 if each in ENDED and key not in decision.retry and key not in batch.told]  # fmt: skip
        change.add(self._retry(decision, batch, current, told, now))
        batch.told += ended
        if decision.cancel:  # whose ends are told in the next turn
            change.due[name(batch)] = now
        batch.status = decision.status
        batch.ended = now if batch.status in ENDED else None
        change.save.append(batch)
        shown = document(batch, list(current.values()))
        for key in ended:
            if key in current:
                ended_one = documents.status(current[key], now)
                change.send += of_batch(batch, "batch.operation.completed", now, shown, told.webhooks,
                                        member=current[key], operation=ended_one)  # fmt: skip
        if batch.ended is not None:
            change.send += of_batch(batch, "batch.completed", now, shown, told.webhooks)
        return change

    def _cancel(self, decision: Decision, current: dict[str, Operation], told: Told, now: float) -> Change:
        change = Change()
        for key, why in decision.cancel.items():
            if key in current and not current[key].over:
                asked = CancelOperation(reason=f"{why[:1].upper()}{why[1:]}")
                change.add(cancelling(current[key], asked, now, told))
        return change

    def _retry(self, decision: Decision, batch: Batch, current: dict[str, Operation], told: Told, now: float) -> Change:
        change = Change()
        for key in decision.retry:
            before = current[key]
            fresh = making.retry(before, RetryOperation(), now, self._desk.runners.get(before.request.operation_type))
            before.retries += 1
            current[key], batch.members[key] = fresh, fresh.id
            batch.retried.append(key)
            change.save.append(before)
            change.add(begun(fresh, told))
        return change

    async def _told(self, batch: Batch) -> Told:
        return Told(await self._state.all(Webhook, batch.scope), Counters(), self._desk.links)


def status(operation: Operation) -> str:
    """As a batch says it: what waits for others is pending."""
    return PENDING if operation.began is None and not operation.over else operation.status


def document(batch: Batch, members: list[Operation]) -> answers.Batch:
    request, current = batch.request, {member.key: member for member in members}
    edges = batches.graph(request.operations)
    seconds = {key: usual(current[key].plan) if key in current else 0.0 for key in edges}
    starts = schedule(edges, seconds)
    rows = [_member(current[key], edges[key], batch.created + starts[key]) for key in edges if key in current]
    said: dict[str, Any] = {
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
        said["batchDescription"] = request.batch_description
    if batch.ended is not None:
        said["batchEndTime"] = texts.iso(batch.ended)
    return said  # type: ignore[return-value]


def _member(operation: Operation, dependencies: list[str], start: float) -> answers.Member:
    said: answers.Member = {
        "operationKey": operation.key,
        "operationId": operation.id,
        "operationName": operation.request.operation_name,
        "operationType": operation.request.operation_type,
        "status": status(operation),
        "dependencies": dependencies,
        "estimatedDuration": texts.estimate(usual(operation.plan)),
    }
    if said["status"] == PENDING:
        said["estimatedStartTime"] = texts.iso(start)
    if operation.retry_number:
        said["retryNumber"] = operation.retry_number
    return said
