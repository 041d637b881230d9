"""Which id an event has: signed headers, CloudEvents' ce-id, or its body."""

from datetime import UTC, datetime

import pytest

from relay.domain.documents import MAX_ID
from tests.support.events import body
from tests.support.front import SOURCES, Front, assert_problem


async def test_a_signed_webhook_id_comes_before_the_event_id(front: Front) -> None:
    reply = await front.sender("standard").post(body() | {"eventId": "evt-1"}, delivery_id="msg-7")

    assert reply.document["eventId"] == "msg-7"


@pytest.mark.parametrize("name", ["webhook-id", "svix-id"])
@pytest.mark.parametrize("source", [name for name in SOURCES if name not in ("standard", "progress")])
async def test_an_id_that_nothing_signs_is_not_believed(front: Front, source: str, name: str) -> None:
    named = await front.sender(source).post(body() | {"eventId": "evt-1"}, headers=[(name, "msg-7")])
    nameless = await front.sender(source).post(body(), headers=[(name, "msg-7")])

    assert (named.document["eventId"], nameless.document["eventId"]) == ("evt-1", None)


@pytest.mark.parametrize("webhook_id", ["x" * (MAX_ID + 1), "tab\there", "zero\u200bwidth", "\u00a0"], ids=repr)
async def test_a_webhook_id_that_cannot_be_shown_is_refused(front: Front, webhook_id: str) -> None:
    reply = await front.sender("standard").post(body(), delivery_id=webhook_id)

    assert_problem(reply, 400)
    assert front.events == []


CLOUD_EVENT = {"specversion": "1.0", "id": "ce-1", "source": "/platform", "type": "com.example.operation.progress",
               "time": "2024-01-20T11:39:00Z", "data": body()["operation"]}  # fmt: skip


async def test_a_cloud_event_is_named_by_its_id(front: Front) -> None:
    reply = await front.sender().post(CLOUD_EVENT, content_type="application/cloudevents+json; charset=utf-8")

    assert (reply.status, reply.document["eventId"]) == (202, "ce-1")
    [event] = front.events
    assert (event.name, event.producer) == ("operation.progress", "/platform")
    assert event.occurred_at == datetime(2024, 1, 20, 11, 39, tzinfo=UTC)


async def test_ce_id_names_an_event_together_with_its_body(front: Front) -> None:
    headers = [
        ("ce-specversion", "1.0"), ("ce-id", "ce-1"), ("ce-type", "operation.failed"), ("ce-source", "/platform"),
    ]  # fmt: skip

    replies = [
        await front.sender().post(document, headers=headers)
        for document in (body(percentage=10), body(percentage=10), body(percentage=20))
    ]

    first, again, other = [reply.document["eventId"] for reply in replies]
    assert first == again != other
    assert first.startswith("ce-1#")
    assert {event.name for event in front.events} == {"operation.progress"}  # ce-type is not signed either
