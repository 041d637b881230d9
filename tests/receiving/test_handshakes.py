"""What senders ask before they send: challenges, and CloudEvents' permission."""

import json

import pytest

from tests.support.events import body
from tests.support.front import Front, assert_problem


@pytest.mark.parametrize("sent", [{"challenge": "c-7.~/=+"}, {"type": "webhook.challenge", "challenge": "c-7.~/=+"}])
@pytest.mark.parametrize("source", ["ops", "standard"])
async def test_a_signed_challenge_is_answered(front: Front, source: str, sent: dict[str, str]) -> None:
    reply = await front.sender(source).post(sent)

    assert (reply.status, reply.document) == (200, {"challenge": "c-7.~/=+"})
    assert reply.headers["content-type"].startswith("application/json")
    assert (front.events, front.quarantined) == ([], [])


@pytest.mark.parametrize("sent", [b"", b"{}", b" { } "])
async def test_a_challenge_in_the_header_is_answered_where_the_body_says_nothing(front: Front, sent: bytes) -> None:
    reply = await front.sender("standard").post(sent, headers=[("webhook-challenge", "c-7")])

    assert (reply.status, reply.document) == (200, {"challenge": "c-7"})
    assert reply.headers["webhook-challenge"] == "c-7"


@pytest.mark.parametrize(("sent", "status"), [
    (body(), 202),  # nobody on the way can make an event a challenge
    (body() | {"challenge": "c-7"}, 202),
    ({"event": "operation.progress"}, 422),
    ({"challenge": "c-7", "operation": {"operationId": ""}}, 422),
    ({"challenge": "<script>"}, 422),
    ({"challenge": "c" * 257}, 422),
    ({"challenge": 7}, 422),
    ({"challenge": "c-7", "note": "x" * 4096}, 422),
])  # fmt: skip
async def test_what_is_an_event_or_no_fit_challenge_is_none(front: Front, sent: dict[str, object], status: int) -> None:
    reply = await front.sender().post(sent, headers=[("webhook-challenge", "c-8")])

    assert reply.status == status
    assert "webhook-challenge" not in reply.headers
    assert len(front.quarantined) == (status == 422)


GRID = "Microsoft.EventGrid.SubscriptionValidationEvent"


@pytest.mark.parametrize(("sent", "answer"), [
    ([{"eventType": GRID, "data": {"validationCode": "512d-C0de"}}], {"validationResponse": "512d-C0de"}),
    ([{"eventType": "another", "data": {"validationCode": "512d-C0de"}}], None),
    ([{"eventType": GRID, "data": {"validationCode": "<script>"}}], None),
    ([{"eventType": GRID, "data": {"validationCode": 512}}], None),
    ([{"eventType": GRID, "data": []}], None), ([GRID], None), ([], None),
])  # fmt: skip
async def test_event_grid_is_told_its_code(front: Front, sent: list[object], answer: object) -> None:
    headers, body = [("aeg-event-type", "SubscriptionValidation")], json.dumps(sent).encode()

    reply = await front.sender("ops").post(body, headers=headers)
    plain = await front.sender("ops").post(body)
    forged = await front.sender("ops").post(body, headers=headers, secret="another-secret-of-somebody")

    assert (reply.document if reply.status == 200 else None) == answer
    assert (plain.status, forged.status) == (400, 401)


@pytest.mark.parametrize(("source", "rate"), [("ops", "*"), ("limited", "12")])
async def test_cloud_events_may_ask_beforehand(front: Front, source: str, rate: str) -> None:
    origin = [("WebHook-Request-Origin", "eventemitter.example.com"), ("WebHook-Request-Rate", "120")]

    reply = await front.sender(source).post(b"", method="OPTIONS", signed=False, headers=origin)

    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["webhook-allowed-origin"] == "eventemitter.example.com"
    assert reply.headers["webhook-allowed-rate"] == rate  # 2 in 10 s
    assert "POST" in reply.headers["allow"]


@pytest.mark.parametrize(("source", "origin", "status"), [
    ("ops", "", 405), ("ops", "<script>", 405), ("ops", "x" * 300, 405), ("stranger", "example.com", 404),
])  # fmt: skip
async def test_whoever_asks_without_an_origin_or_elsewhere_gets_no_permission(
    front: Front, source: str, origin: str, status: int
) -> None:
    headers = [("WebHook-Request-Origin", origin)] if origin else []

    reply = await front.sender(source).post(b"", method="OPTIONS", signed=False, headers=headers)

    assert_problem(reply, status)
    assert not any(name.startswith("webhook-allowed") for name in reply.headers)
