"""The sandbox tells of everything that happens: in order, signed, filtered, again after a failure, and counted."""

import asyncio
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from relay.domain.documents import decode
from relay.domain.parsing import parse
from relay.receiving.scheme import SignedRequest
from relay.receiving.signatures import verify
from relay_sandbox.service import cancel_until_done
from tests.support.patience import patience
from tests.support.sandbox import ReceivedRequest, Stage

MINUTE = 60.0
SECRET = "your-webhook-secret-key"
ALL = [
    "operation.started", "operation.progress", "operation.phase.completed", "operation.completed", "operation.failed",
    "operation.cancelled",
]  # fmt: skip


async def register(sandbox: Stage, path: str = "/hook", **fields: Any) -> Any:
    body = {"webhookUrl": sandbox.receiver.url + path, "webhookName": "Main", "events": ALL} | fields
    return await sandbox.ask("POST", "/webhooks", body, status=201)


def callbacks(sandbox: Stage, query: str = "") -> dict[str, str]:
    names = {"onProgress": "progress", "onCompletion": "completion", "onError": "error"}
    return {key: f"{sandbox.receiver.url}/{path}{query}" for key, path in names.items()}


def signed(request: ReceivedRequest) -> SignedRequest:
    headers = {name.lower(): [value.encode()] for name, value in request.headers.items()}
    return SignedRequest(request.raw, headers)


def check(request: ReceivedRequest, secret: str, now: float) -> None:
    for scheme in ("hmac-sha256", "standard-webhooks"):
        verify(scheme, signed(request), {"s": secret.encode()}, header=None, tolerance=300, now=now)


async def test_a_whole_life_is_told_in_order_to_webhooks_and_callbacks(sandbox: Stage) -> None:
    await register(sandbox)
    await sandbox.start(callbacks=callbacks(sandbox, "?token=abc"))
    await sandbox.advance(50 * MINUTE)
    events = sandbox.receiver.events("/hook")
    assert events[0] == "operation.started"
    assert events[-1] == "operation.completed"
    assert events.count("operation.phase.completed") == 4
    percentages = [
        request.body["operation"]["progress"]["percentage"]
        for request in sandbox.receiver.requests if request.event == "operation.progress" and request.path == "/hook"
    ]  # fmt: skip
    assert percentages == list(range(5, 100, 5))
    assert sandbox.receiver.events("/completion?token=abc") == ["operation.completed"]
    assert sandbox.receiver.events("/progress?token=abc") == events[:-1]


async def test_every_event_is_one_that_relay_understands(sandbox: Stage) -> None:
    await register(sandbox)
    await sandbox.start()
    await sandbox.start(operationName="Fails", parameters={"sandbox": {"scenario": "failure"}})
    stopped = await sandbox.start(operationName="Stops")
    await sandbox.advance(20 * MINUTE)
    await sandbox.ask("DELETE", f"/operation/{stopped['operationId']}", status=200)
    await sandbox.advance(40 * MINUTE)
    assert set(sandbox.receiver.events()) == set(ALL)
    parts = {"operation.phase.completed": "phase", "operation.completed": "results", "operation.failed": "error",
             "operation.cancelled": "cancellation"}  # fmt: skip
    for request in sandbox.receiver.requests:
        event = parse(
            decode(request.raw), source="x", received_at=datetime.now(UTC), delivery_id=request.headers["webhook-id"]
        )
        assert event.name == request.event
        assert (event.id, event.tenant, event.project) == (request.body["eventId"], "tenant-1", "project-1")
        if part := parts.get(event.name):
            assert request.body[part]


async def test_what_is_sent_is_signed_in_both_ways(sandbox: Stage) -> None:
    await register(sandbox, authentication={"type": "hmac-sha256", "secret": SECRET}, headers={"X-Source": "here"})
    await sandbox.start()
    await sandbox.advance(10)
    request = sandbox.receiver.requests[0]
    check(request, SECRET, request.at)
    assert request.headers["X-Source"] == "here"
    assert request.headers["X-Webhook-Signature"].startswith("sha256=")
    assert request.body["webhookId"].startswith("wh-")


async def test_filters_decide_what_a_webhook_hears(sandbox: Stage) -> None:
    filters = {"operationTypes": ["ProcessMiningAnalysis"], "priorities": ["High"], "minProgressIncrement": 25}
    await register(sandbox, filters=filters, events=["operation.progress", "operation.completed"])
    await sandbox.start(priority="High", operationName="heard")
    await sandbox.start(priority="Low")
    await sandbox.start(priority="High", operationType="DataEnrichment")
    await sandbox.advance(50 * MINUTE)
    assert {request.body["operation"]["operationName"] for request in sandbox.receiver.requests} == {"heard"}
    sent = [
        (request.event, request.body["operation"]["progress"]["percentage"]) for request in sandbox.receiver.requests
    ]
    assert sent == [("operation.progress", 25), ("operation.progress", 50), ("operation.progress", 75),
                    ("operation.completed", 100)]  # fmt: skip


async def test_a_failure_is_sent_again_by_the_webhooks_policy_and_counted(sandbox: Stage) -> None:
    sandbox.receiver.answers["/hook"] = [500, 503, f"{sandbox.receiver.url}/elsewhere"]
    policy = {"maxRetries": 5, "retryDelay": 60, "backoffMultiplier": 2.0, "maxDelay": 100}
    hook = await register(sandbox, events=["operation.started"], retryPolicy=policy)
    assert hook["deliveryStats"] == {
        "totalDeliveries": 0, "successfulDeliveries": 0, "failedDeliveries": 0, "averageResponseTime": None,
    }  # fmt: skip
    await sandbox.start()
    await sandbox.advance(10 * MINUTE)
    times = [request.at for request in sandbox.receiver.requests]
    assert [round(after - before) for before, after in pairwise(times)] == [60, 100, 100]
    assert len({request.headers["webhook-id"] for request in sandbox.receiver.requests}) == 1
    found = await sandbox.ask("GET", f"/webhooks/{hook['webhookId']}", status=200)
    stats = found["deliveryStats"]
    assert (stats["totalDeliveries"], stats["successfulDeliveries"], stats["failedDeliveries"]) == (4, 1, 3)
    assert stats["averageResponseTime"] > 0
    assert datetime.fromisoformat(found["lastDelivery"]).timestamp() == round(times[-1], 3)


async def test_a_receiver_that_gives_no_answer_holds_up_its_own_lane_alone(sandbox: Stage) -> None:
    connected, released = asyncio.Event(), asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await released.wait()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    outbox = sandbox.worker.outbox
    for url in (f"http://127.0.0.1:{port}/", f"{sandbox.receiver.url}/other"):
        await sandbox.start(callbacks={"onProgress": url})
        sandbox.clock.advance(3)
        await sandbox.worker.turn()
        assert await outbox.start_due() == 1

    async with asyncio.timeout(patience()):
        await connected.wait()
        while len(outbox.in_flight) > 1:
            await asyncio.wait(outbox.in_flight, return_when=asyncio.FIRST_COMPLETED)
    assert sandbox.receiver.events("/other") == ["operation.started"]
    await cancel_until_done(*outbox.in_flight)
    released.set()
    server.close()
