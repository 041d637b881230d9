"""What is no event, and what relay itself fails on: what is kept, what must be sent again, and what the log says."""

import json
from typing import Any

import pytest
from aiohttp import web
from pytest_aiohttp import AiohttpClient
from structlog.testing import capture_logs

from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.errors import HandlingFailed, StoreUnavailable
from relay.receiving.problems import answering
from tests.support.clock import Clock
from tests.support.events import body
from tests.support.front import TOKEN, Front, assert_problem, count, receiving


async def test_what_relay_itself_fails_on_is_kept_and_not_asked_for_again() -> None:
    async def ingest(_event: Event) -> Accepted:
        raise HandlingFailed("KeyError", "relay/store/plan.py:40")

    faults, invalid = count("events", source="ops", outcome="fault"), count("events", source="ops", outcome="invalid")
    kept = count("quarantined", source="ops", reason="fault")
    async with receiving(ingest=ingest) as front:
        with capture_logs() as lines:
            reply = await front.sender().post(body() | {"note": "secret-4711"})

    assert_problem(reply, 422)
    assert "a fault of its own" in reply.document["detail"]
    assert "does not help" in reply.document["detail"]
    assert reply.document["quarantine"] == "quarantine-1"
    assert "field" not in reply.document
    assert front.faults == ["KeyError at relay/store/plan.py:40"]
    [line] = [line for line in lines if line["event"] == "event.refused"]
    assert (line["status"], line["reason"]) == (422, "KeyError at relay/store/plan.py:40")
    assert "secret-4711" not in f"{lines}"
    assert count("events", source="ops", outcome="fault") == faults + 1
    assert count("events", source="ops", outcome="invalid") == invalid
    assert count("quarantined", source="ops", reason="fault") == kept + 1


async def test_a_fault_that_somebody_knows_how_to_cause_does_not_fill_the_log(aiohttp_client: AiohttpClient) -> None:
    async def fail(_request: web.Request) -> web.Response:
        raise LookupError

    clock = Clock()
    app = web.Application(middlewares=[answering(clock)])
    app.router.add_get("/", fail)
    before = count("unexpected_errors")
    client = await aiohttp_client(app)
    with capture_logs() as lines:
        statuses = [(await client.get("/")).status for _ in range(100)]
        clock.advance(1)
        await client.get("/")

    assert set(statuses) == {503}
    assert count("unexpected_errors") - before == 101
    assert [(line["event"], line["log_level"], line["left_out"]) for line in lines] == [
        ("request.failed", "error", 0), ("request.failed", "error", 99),
    ]  # fmt: skip


async def test_what_is_no_event_is_named_and_kept(front: Front) -> None:
    sent = json.dumps(body() | {"operation": {"operationId": 7.5}}).encode()

    headers = [("User-Agent", "platform/1"), ("ce-id", "ce-1")]
    reply = await front.sender("standard").post(sent, delivery_id="msg-1", headers=headers)

    assert_problem(reply, 422)
    assert reply.document["field"] == "operation.operationId"
    assert reply.document["quarantine"] == "quarantine-1"
    assert front.quarantined == [
        (
            "standard",
            sent,
            {"content-type": "application/json", "user-agent": "platform/1", "webhook-id": "msg-1", "ce-id": "ce-1"},
            "operation.operationId: expected an id of 1 to 256 characters",
        )
    ]


async def test_nothing_that_proves_identity_is_kept(front: Front) -> None:
    await front.sender().post({})
    await front.sender("progress").post({})

    kept = json.dumps([headers for _, _, headers, _ in front.quarantined])
    assert len(front.quarantined) == 2
    assert "signature" not in kept.lower()
    assert TOKEN not in kept


AWAY, FAULT = StoreUnavailable("Redis did not answer in 2 s"), HandlingFailed("KeyError", "relay/store/plan.py:40")


@pytest.mark.parametrize(
    ("error", "sent"), [(AWAY, body()), (FAULT, body()), (AWAY, {})], ids=["an event", "a fault", "no event"]
)
async def test_what_cannot_be_made_durable_or_kept_must_be_sent_again(error: Exception, sent: dict[str, Any]) -> None:
    async def ingest(_event: Event) -> Accepted:
        raise error

    async def quarantine(*_request: object, fault: bool = False) -> str:
        assert fault == (error is FAULT)
        raise AWAY

    async with receiving(ingest=ingest, quarantine=quarantine) as front:
        reply = await front.sender().post(sent)

    assert_problem(reply, 503)
    assert int(reply.headers["retry-after"]) > 0
