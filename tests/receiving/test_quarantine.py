"""What is no event: named to its sender, and kept for the operators."""

import json

from relay.errors import StoreUnavailable
from tests.support.events import body
from tests.support.front import TOKEN, Front, assert_problem, receiving


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


async def test_what_cannot_be_kept_must_be_sent_again() -> None:
    async def quarantine(*_request: object) -> str:
        raise StoreUnavailable("Redis did not answer in 2 s")

    async with receiving(quarantine=quarantine) as front:
        reply = await front.sender().post({})

    assert_problem(reply, 503)
