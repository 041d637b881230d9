"""What a sender sees: every row of the table of answers, over a real server."""

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from openapi_spec_validator import validate
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.domain.parsing import MAX_ID
from relay.errors import HandlingFailed, StoreUnavailable
from relay.receiving import openapi
from relay.receiving.problems import answering
from relay.receiving.receiver import OUTCOMES, Readiness, make_app
from relay.receiving.schemes import SCHEMES
from relay.receiving.server import serve
from relay.receiving.signatures import sign
from relay.receiving.sources import Source
from tests.support.clock import Clock
from tests.support.events import body, seed
from tests.support.front import SOURCES, TOKEN, Front, receiving, signed
from tests.support.sender import SECRET, Reply, endlessly, read_reply, slowly

ADDRESSES = {
    "/",
    "/webhooks/{source}",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/unsubscribe/{token}",
    "/console",
    "/slack/interactions",
}


@pytest.fixture
async def front() -> AsyncIterator[Front]:
    async with receiving() as front:
        yield front


def count(metric: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"relay_{metric}_total", labels) or 0.0


def assert_problem(reply: Reply, status: int) -> None:
    assert reply.status == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.document["status"] == status
    assert {"type", "title", "detail"} <= reply.document.keys()


async def test_an_event_is_accepted_once_it_is_durable(front: Front) -> None:
    reply = await front.sender().post(body() | {"eventId": "evt-1"})

    assert reply.status == 202
    assert reply.document == {"status": "accepted", "eventId": "evt-1", "deliveries": 2}
    assert [event.id for event in front.events] == ["evt-1"]


@pytest.mark.parametrize("source", [name for name in SOURCES if name != "progress"])
async def test_every_scheme_reaches_its_source(front: Front, source: str) -> None:
    reply = await front.sender(source).post(body())

    assert reply.status == 202
    assert [event.source for event in front.events] == [source]


async def test_the_event_carries_when_and_where_it_was_received(front: Front) -> None:
    front.clock.now = 1_705_749_600.5

    await front.sender().post(body())

    assert front.events[0].received_at == datetime(2024, 1, 20, 11, 20, 0, 500_000, tzinfo=UTC)
    assert front.events[0].source == "ops"


async def test_an_address_says_what_its_bodies_leave_out(front: Front) -> None:
    await front.sender("completion").post(seed("operation-results.response"))

    assert front.events[0].name == "operation.completed"


@pytest.mark.parametrize("authorization", [f"Bearer {TOKEN}", f"bearer {TOKEN}"])
async def test_a_callback_that_cannot_sign_may_carry_a_token(front: Front, authorization: str) -> None:
    sender = front.sender("progress")

    reply = await sender.post(body(), signed=False, headers=[("Authorization", authorization)])

    assert reply.status == 202


async def test_the_token_may_stand_in_the_address(front: Front) -> None:
    sender = front.sender("progress")

    right = await sender.post(body(), signed=False, token=TOKEN)
    wrong = await sender.post(body(), signed=False, token=TOKEN[:-1])

    assert (right.status, wrong.status) == (202, 401)


@pytest.mark.parametrize("status", ["duplicate", "late"])
async def test_what_is_not_new_is_answered_with_200(status: str) -> None:
    async def ingest(_event: Event) -> Accepted:
        return Accepted(status)  # type: ignore[arg-type]

    async with receiving(ingest=ingest) as front:
        reply = await front.sender().post(body() | {"eventId": "evt-1"})

    assert reply.status == 200
    assert reply.document == {"status": status, "eventId": "evt-1"}


async def test_an_event_without_an_id_is_answered_without_one(front: Front) -> None:
    reply = await front.sender().post(body())

    assert reply.document["eventId"] is None


async def test_a_signed_webhook_id_comes_before_the_event_id(front: Front) -> None:
    reply = await front.sender("standard").post(body() | {"eventId": "evt-1"}, delivery_id="msg-7")

    assert reply.document["eventId"] == "msg-7"


async def test_svix_s_spelling_of_the_signed_id_counts_as_well(front: Front) -> None:
    sent = json.dumps(body()).encode()
    signature = sign("standard-webhooks", sent, SECRET.encode(), message_id="msg-7", timestamp=front.clock())
    headers = [(name.replace("webhook-", "svix-"), value) for name, value in signature.items()]

    reply = await front.sender("standard").post(sent, signed=False, headers=headers)

    assert (reply.status, reply.document["eventId"]) == (202, "msg-7")


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


async def test_two_webhook_ids_are_refused(front: Front) -> None:
    reply = await front.sender("standard").post(body(), delivery_id="msg-1", headers=[("webhook-id", "msg-2")])

    assert_problem(reply, 401)


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
        ("ce-specversion", "1.0"),
        ("ce-id", "ce-1"),
        ("ce-type", "operation.failed"),
        ("ce-source", "/platform"),
    ]

    replies = [
        await front.sender().post(document, headers=headers)
        for document in (body(percentage=10), body(percentage=10), body(percentage=20))
    ]

    first, again, other = [reply.document["eventId"] for reply in replies]
    assert first == again != other
    assert first.startswith("ce-1#")
    assert {event.name for event in front.events} == {"operation.progress"}  # ce-type is not signed either


@pytest.mark.parametrize(
    ("headers", "wanted"),
    [
        ([("ce-id", "ce-1")], "evt-1"),
        ([("ce-id", "ce-1"), ("ce-id", "ce-2")], "evt-1"),
        ([("ce-id", "x" * 300)], "evt-1"),
    ],
)
async def test_what_the_body_says_comes_before_ce_id(front: Front, headers: list[tuple[str, str]], wanted: str) -> None:
    reply = await front.sender().post(body() | {"eventId": "evt-1"}, headers=headers)

    assert reply.document["eventId"] == wanted


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


async def test_nobody_else_s_challenge_is_answered(front: Front) -> None:
    reply = await front.sender().post({"challenge": "c-7"}, signed=False, headers=[("webhook-challenge", "c-7")])

    assert_problem(reply, 401)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (body(), 202),  # nobody on the way can make an event a challenge
        (body() | {"challenge": "c-7"}, 202),
        ({"event": "operation.progress"}, 422),
        ({"challenge": "c-7", "operation": {"operationId": ""}}, 422),
        ({"challenge": "<script>"}, 422),
        ({"challenge": "c" * 257}, 422),
        ({"challenge": 7}, 422),
        ({"challenge": "c-7", "note": "x" * 4096}, 422),
    ],
)
async def test_what_is_an_event_or_no_fit_challenge_is_none(front: Front, sent: dict[str, object], status: int) -> None:
    reply = await front.sender().post(sent, headers=[("webhook-challenge", "c-8")])

    assert reply.status == status
    assert "webhook-challenge" not in reply.headers
    assert len(front.quarantined) == (status == 422)


@pytest.mark.parametrize(("source", "rate"), [("ops", "*"), ("limited", "12")])
async def test_cloud_events_may_ask_beforehand(front: Front, source: str, rate: str) -> None:
    origin = [("WebHook-Request-Origin", "eventemitter.example.com"), ("WebHook-Request-Rate", "120")]

    reply = await front.sender(source).post(b"", method="OPTIONS", signed=False, headers=origin)

    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["webhook-allowed-origin"] == "eventemitter.example.com"
    assert reply.headers["webhook-allowed-rate"] == rate  # 2 in 10 s
    assert "POST" in reply.headers["allow"]


@pytest.mark.parametrize(
    ("source", "origin", "status"),
    [("ops", "", 405), ("ops", "<script>", 405), ("ops", "x" * 300, 405), ("stranger", "example.com", 404)],
)
async def test_whoever_asks_without_an_origin_or_elsewhere_gets_no_permission(
    front: Front, source: str, origin: str, status: int
) -> None:
    headers = [("WebHook-Request-Origin", origin)] if origin else []

    reply = await front.sender(source).post(b"", method="OPTIONS", signed=False, headers=headers)

    assert_problem(reply, status)
    assert not any(name.startswith("webhook-allowed") for name in reply.headers)


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


async def test_a_fault_that_cannot_be_kept_must_be_sent_again() -> None:
    async def ingest(_event: Event) -> Accepted:
        raise HandlingFailed("KeyError", "relay/store/plan.py:40")

    async def quarantine(*_request: object, fault: bool) -> str:
        assert fault
        raise StoreUnavailable("Redis did not answer in 2 s")

    async with receiving(ingest=ingest, quarantine=quarantine) as front:
        reply = await front.sender().post(body())

    assert_problem(reply, 503)


async def test_what_fails_because_of_something_else_must_be_sent_again() -> None:
    async def ingest(_event: Event) -> Accepted:
        raise RuntimeError("the loop is closed")

    async with receiving(ingest=ingest) as front:
        reply = await front.sender().post(body())

    assert_problem(reply, 503)
    assert front.quarantined == []


@pytest.mark.parametrize(
    "sent",
    [b"", b"{", b"[]", b"null", b'"text"', b"\xff{}", b'\xef\xbb\xbf{"a":1}', b'{"a":1,"a":2}', b'{"a":NaN}',
     b'{"a":' * 40 + b"1" + b"}" * 40, '{"ä":1}'.encode("utf-16")],
    ids=lambda sent: repr(sent[:20]),
)  # fmt: skip
async def test_what_is_no_unambiguous_json_object_is_refused(front: Front, sent: bytes) -> None:
    reply = await front.sender().post(sent)

    assert_problem(reply, 400)
    assert front.quarantined == []


async def test_a_missing_a_wrong_and_an_old_signature_get_the_same_answer(front: Front) -> None:
    sender = front.sender("standard")

    replies = [
        await sender.post(body(), signed=False),
        await sender.post(body(), secret="another-secret-altogether"),
        await sender.post(body(), tamper=lambda sent: sent + b" "),
        await sender.post(body(), age=301),
        await sender.post(body(), age=-301),
        await sender.post(body(), twice=True),
    ]

    assert_problem(replies[0], 401)
    assert replies[0].headers["www-authenticate"] == "Signature"
    assert {(reply.status, reply.body) for reply in replies} == {(401, replies[0].body)}
    assert front.events == []


async def test_a_token_s_source_asks_for_a_bearer(front: Front) -> None:
    reply = await front.sender("progress").post(body(), signed=False)

    assert reply.headers["www-authenticate"] == SCHEMES["token"].challenge == "Bearer"


async def test_one_source_s_secret_does_not_open_another() -> None:
    other = {"signature": {"scheme": "hmac-sha256", "secrets": {"current": "the-secret-of-another-source"}}}

    async with receiving(sources={"ops": signed(), "other": other}) as front:
        reply = await front.sender("other").post(body())

    assert_problem(reply, 401)


async def test_both_secrets_are_valid_during_a_rotation_and_their_use_is_counted() -> None:
    secrets = {"next": "the-secret-of-next-month", "old": SECRET}
    before = {name: count("signatures_verified", source="rotating", secret=name) for name in secrets}

    async with receiving(sources={"rotating": {"signature": {"secrets": secrets}}}) as front:
        sender = front.sender("rotating")
        replies = [await sender.post(body(), secret=secret) for secret in (SECRET, SECRET, secrets["next"])]

    used = {name: count("signatures_verified", source="rotating", secret=name) - before[name] for name in secrets}
    assert [reply.status for reply in replies] == [202, 202, 202]
    assert used == {"next": 1, "old": 2}


async def test_an_unknown_source_is_not_found(front: Front) -> None:
    reply = await front.sender("nobody").post(body())

    assert_problem(reply, 404)


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_events_come_with_post_alone(front: Front, method: str) -> None:
    reply = await front.sender().post(body(), method=method)

    assert_problem(reply, 405)
    assert reply.headers["allow"] == "POST"


async def test_elsewhere_too_errors_are_problems(front: Front) -> None:
    missing = await front.sender().exchange(b"GET /favicon.ico HTTP/1.1\r\nHost: relay\r\n\r\n")
    wrong = await front.sender().exchange(b"POST /healthz HTTP/1.1\r\nHost: relay\r\n\r\n")
    unmet = await front.sender().exchange(b"GET /healthz HTTP/1.1\r\nHost: relay\r\nExpect: rain\r\n\r\n")

    types = {reply.headers["content-type"] for reply in (missing, wrong, unmet)}
    assert (missing.status, wrong.status, unmet.status) == (404, 405, 417)
    assert types == {"application/problem+json"}
    assert wrong.headers["allow"] == "GET,HEAD"


async def test_a_body_that_stops_is_given_up() -> None:
    async with receiving(body_timeout=0.2) as front:
        request = front.sender().raw(b'{"event":')

        reply = await front.sender().exchange(request.replace(b"Length: 9", b"Length: 100"))

    assert_problem(reply, 408)
    assert reply.headers["connection"] == "close"


async def test_a_body_that_drips_is_given_up() -> None:
    async with receiving(body_timeout=0.2) as front:
        head, _, content = front.sender().raw(b" " * 5_000).partition(b"\r\n\r\n")

        reply = await front.sender().exchange(head + b"\r\n\r\n", slowly(content))

    assert_problem(reply, 408)


async def test_headers_that_stop_or_drip_are_given_up_without_an_answer() -> None:
    async with receiving(header_timeout=0.2) as front:
        sender = front.sender()
        head = sender.raw(b"")[:-10]

        replies = await asyncio.gather(
            sender.exchange(b""), sender.exchange(head), sender.exchange(slowly(head * 2)), sender.exchange(b"\r\n")
        )

    assert [reply.status for reply in replies] == [0, 0, 0, 0]


async def test_the_headers_of_later_requests_have_a_deadline_too() -> None:
    async with receiving(header_timeout=0.2) as front:
        sender = front.sender()
        reader, writer = await asyncio.open_connection(*front.runner.addresses[0])

        writer.write(sender.raw(json.dumps(body()).encode()))
        first = await read_reply(reader)
        writer.write(sender.raw(b"{}")[:20])
        second = await read_reply(reader)
        writer.close()

    assert (first.status, second.status) == (202, 0)


async def test_an_idle_connection_is_closed() -> None:
    async with receiving(idle_timeout=0.2) as front:
        reply = await front.sender().exchange(front.sender().raw(json.dumps(body()).encode()), whole=True)

    assert reply.status == 202


async def test_there_are_only_so_many_connections() -> None:
    async with receiving(max_connections=1) as front:
        sender = front.sender()
        request = sender.raw(json.dumps(body()).encode())
        reader, writer = await asyncio.open_connection(*front.runner.addresses[0])
        writer.write(request)
        first = await read_reply(reader)

        second = await sender.exchange(request)
        writer.close()

    assert (first.status, second.status) == (202, 0)


async def test_a_body_may_be_as_large_as_allowed_and_no_larger() -> None:
    event = json.dumps(body()).encode()

    async with receiving(max_body=len(event)) as front:
        exact = await front.sender().post(event)
        larger = await front.sender().post(event + b" ")

    assert exact.status == 202
    assert_problem(larger, 413)


async def test_a_large_length_is_refused_before_the_body_comes(front: Front) -> None:
    request = front.sender().raw(b"", {"Content-Length": "1000000000"})

    reply = await front.sender().exchange(request, whole=True)

    assert reply.status == 413


async def test_an_endless_body_is_refused_at_the_limit(front: Front) -> None:
    request = front.sender().raw(b"", {"Content-Length": "", "Transfer-Encoding": "chunked"})

    reply = await front.sender().exchange(request, endlessly(b"1000\r\n" + b" " * 4096 + b"\r\n"))

    assert_problem(reply, 413)


async def test_a_chunked_body_is_as_good_as_any(front: Front) -> None:
    event = json.dumps(body()).encode()
    head = front.sender().raw(event, {"Content-Length": "", "Transfer-Encoding": "chunked"})[: -len(event)]
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in event)

    reply = await front.sender().exchange(head + chunks + b"0\r\n\r\n")

    assert reply.status == 202


async def test_a_sender_that_asks_first_is_told_to_go_on(front: Front) -> None:
    event = json.dumps(body()).encode()
    reader, writer = await asyncio.open_connection(*front.runner.addresses[0])

    writer.write(front.sender().raw(event, {"Expect": "100-continue"})[: -len(event)])
    go_on = await reader.readuntil(b"\r\n\r\n")
    writer.write(event)
    reply = await read_reply(reader)
    writer.close()

    assert go_on == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert reply.status == 202


async def test_a_sender_that_asks_first_need_not_send_what_is_refused(front: Front) -> None:
    request = front.sender().raw(b"", {"Content-Length": "1000000000", "Expect": "100-continue"})

    reply = await front.sender().exchange(request, whole=True)

    assert reply.body.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 202),
        ("application/json", 202),
        ("Application/JSON; charset=UTF-8", 202),
        ("application/json;charset=latin-1", 202),
        ("application/cloudevents+json", 202),
        ("text/json", 415),
        ("text/plain", 415),
        ("application/xml", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/jsonp", 415),
        ("image/svg+json", 415),
        (";", 202),
        ("application/json, text/plain", 415),
    ],
)
async def test_a_body_is_json_by_its_content_type(front: Front, content_type: str | None, status: int) -> None:
    reply = await front.sender().post(body(), content_type=content_type)

    assert reply.status == status


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip", "x-unheard-of", "*"])
async def test_a_compressed_body_is_refused_unread(front: Front, encoding: str) -> None:
    bomb = gzip.compress(b" " * 1_000_000)

    reply = await front.sender().post(bomb, headers=[("Content-Encoding", encoding)])

    assert_problem(reply, 415)


@pytest.mark.parametrize("encoding", ["identity", "Identity", ""])
async def test_identity_is_no_compression(front: Front, encoding: str) -> None:
    reply = await front.sender().post(body(), headers=[("Content-Encoding", encoding)])

    assert reply.status == 202


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


async def test_what_an_unsigned_source_sends_is_kept_as_well(front: Front) -> None:
    reply = await front.sender("open").post({})

    assert_problem(reply, 422)
    assert len(front.quarantined) == 1


async def test_without_a_genuine_signature_nothing_is_kept(front: Front) -> None:
    await front.sender().post({}, signed=False)

    assert front.quarantined == []


async def test_what_cannot_be_kept_must_be_sent_again() -> None:
    async def quarantine(*_request: object) -> str:
        raise StoreUnavailable("Redis did not answer in 2 s")

    async with receiving(quarantine=quarantine) as front:
        reply = await front.sender().post({})

    assert_problem(reply, 503)


async def test_over_its_rate_limit_a_source_is_told_when_to_come_back(front: Front) -> None:
    sender = front.sender("limited")  # 2 in 10 s

    replies = [await sender.post(body()) for _ in range(3)]

    assert [reply.status for reply in replies] == [202, 202, 429]
    assert_problem(replies[2], 429)
    assert replies[2].headers["retry-after"] == "5"


async def test_the_rate_limit_refills_evenly(front: Front) -> None:
    sender = front.sender("limited")
    statuses = []

    for seconds in (0, 0, 4, 1, 0, 10, 0, 0):
        front.clock.advance(seconds)
        statuses.append((await sender.post(body())).status)

    assert statuses == [202, 202, 429, 202, 429, 202, 202, 429]


async def test_a_clock_that_was_set_back_does_not_shut_a_source_out(front: Front) -> None:
    sender = front.sender("limited")
    await sender.post(body())

    front.clock.advance(-3600)
    statuses = [(await sender.post(body())).status for _ in range(3)]

    assert statuses == [202, 202, 429]


async def test_strangers_do_not_use_up_a_source_s_rate(front: Front) -> None:
    sender = front.sender("limited")
    for _ in range(3):
        await sender.post(body(), signed=False)

    reply = await sender.post(body())

    assert reply.status == 202


async def test_what_could_not_be_made_durable_must_be_sent_again() -> None:
    async def ingest(_event: Event) -> Accepted:
        raise StoreUnavailable("Redis did not answer in 2 s")

    async with receiving(ingest=ingest) as front:
        reply = await front.sender().post(body())

    assert_problem(reply, 503)
    assert int(reply.headers["retry-after"]) > 0


async def test_a_fault_of_relay_s_own_becomes_a_503_and_one_line_without_its_text() -> None:
    async def ingest(event: Event) -> Accepted:
        raise LookupError(f"a text that quotes {event.document}")

    before = count("unexpected_errors")

    with capture_logs() as lines:
        async with receiving(ingest=ingest) as front:
            reply = await front.sender().post(body(operationName="Geheime Analyse"))

    assert_problem(reply, 503)
    assert count("unexpected_errors") - before == 1
    assert [line["event"] for line in lines] == ["request.failed"]
    assert (lines[0]["error"], lines[0]["place"].partition(":")[0]) == ("LookupError", "test_receiver.py")
    assert "Geheime Analyse" not in f"{lines}{reply.body!r}"


async def test_a_fault_that_somebody_knows_how_to_cause_does_not_fill_the_log() -> None:
    async def fail(_request: web.Request) -> web.Response:
        raise LookupError

    clock = Clock()
    app = web.Application(middlewares=[answering(clock)])
    app.router.add_get("/", fail)
    before = count("unexpected_errors")
    with capture_logs() as lines:
        async with TestClient(TestServer(app)) as client:
            statuses = [(await client.get("/")).status for _ in range(100)]
            clock.advance(1)
            await client.get("/")

    assert set(statuses) == {503}
    assert count("unexpected_errors") - before == 101
    assert [(line["event"], line["log_level"], line["left_out"]) for line in lines] == [
        ("request.failed", "error", 0), ("request.failed", "error", 99),
    ]  # fmt: skip


async def test_a_sender_that_hangs_up_within_its_body_has_sent_nothing() -> None:
    with capture_logs() as lines:
        async with receiving() as front:
            reader, writer = await asyncio.open_connection(*front.runner.addresses[0])
            writer.write(front.sender().raw(b"", {"Content-Length": "100", "Expect": "100-continue"}))
            await reader.readuntil(b"\r\n\r\n")  # now the body is waited for
            writer.transport.abort()

    assert front.events == []
    assert [(line["event"], line["status"]) for line in lines] == [("event.refused", 400)]


async def test_a_sender_that_hangs_up_does_not_stop_what_was_begun() -> None:
    began, go_on, finished = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def ingest(_event: Event) -> Accepted:
        began.set()
        await go_on.wait()
        finished.set()
        return Accepted("accepted", 1)

    async with receiving(ingest=ingest) as front:
        _, writer = await asyncio.open_connection(*front.runner.addresses[0])
        writer.write(front.sender().raw(json.dumps(body()).encode()))
        await began.wait()
        writer.transport.abort()
        go_on.set()

        await asyncio.wait_for(finished.wait(), 5)


FAULTS: list[tuple[str, dict[str, object], int]] = [  # each worse than the next: the first one is answered
    ("unknown source", {"source": "nobody"}, 404),
    ("wrong method", {"method": "PUT"}, 405),
    ("compressed", {"headers": [("Content-Encoding", "gzip")]}, 415),
    ("no JSON by its type", {"content_type": "text/plain"}, 415),
    ("too large", {"event": b"[" * 100_001}, 413),
    ("unsigned", {"signed": False}, 401),
    ("over the rate", {"source": "limited"}, 429),
    ("no JSON", {"event": b"["}, 400),
    ("no event", {"event": b"{}"}, 422),
]


@pytest.mark.parametrize("first", range(len(FAULTS)), ids=[name for name, _, _ in FAULTS])
async def test_the_order_of_the_checks_is_fixed(front: Front, first: int) -> None:
    knobs: dict[str, object] = {"source": "ops", "event": body()}
    for _, fault, _ in reversed(FAULTS[first:]):
        knobs |= fault
    sender = front.sender(str(knobs.pop("source")))
    event = knobs.pop("event")
    for _ in range(2):  # uses up the rate
        await sender.post(body(), content_type="application/json")

    reply = await sender.post(event, **knobs)  # type: ignore[arg-type]

    assert reply.status == FAULTS[first][2]


async def test_reloaded_sources_hold_from_the_next_request_on(front: Front) -> None:
    front.receiver.sources = {"renamed": Source.model_validate(signed())}

    replies = [await front.sender(name).post(body()) for name in ("ops", "renamed")]

    assert [reply.status for reply in replies] == [404, 202]


async def test_every_request_to_a_source_is_counted_by_its_outcome(front: Front) -> None:
    outcomes = ("accepted", "unsigned", "invalid", "malformed")
    before = {outcome: count("events", source="ops", outcome=outcome) for outcome in outcomes}
    sender = front.sender()

    for event, signed_ in ((body(), True), (body(), False), ({}, True), (b"[]", True)):
        await sender.post(event, signed=signed_)

    assert all(count("events", source="ops", outcome=outcome) - before[outcome] == 1 for outcome in outcomes)


async def test_names_that_strangers_make_up_do_not_become_labels(front: Front) -> None:
    before = count("events", source="", outcome="unknown_source")

    for number in range(3):
        await front.sender(f"made-up-{number}").post(body())
    shown = await front.sender().exchange(b"GET /metrics HTTP/1.1\r\nHost: relay\r\n\r\n")

    assert count("events", source="", outcome="unknown_source") - before == 3
    assert b"made-up" not in shown.body


async def test_a_flood_of_bad_signatures_costs_one_line_a_second(front: Front) -> None:
    with capture_logs() as lines:
        for _ in range(20):
            await front.sender().post(body(), signed=False)
        front.clock.advance(1)
        await front.sender().post(body(), signed=False)

    assert [(line["event"], line["status"], line["left_out"]) for line in lines] == [
        ("event.refused", 401, 0),
        ("event.refused", 401, 19),
    ]
    assert lines[0]["source"] == "ops"


async def test_a_malformed_request_costs_one_line_without_its_bytes(
    front: Front, caplog: pytest.LogCaptureFixture
) -> None:
    garbage = b"\x16\x03\x01 hush-hush\r\n\r\n"

    with capture_logs() as lines, caplog.at_level(logging.DEBUG):
        replies = [await front.sender().exchange(garbage) for _ in range(5)]

    assert {reply.status for reply in replies} == {400}
    assert_problem(replies[0], 400)
    assert [line["event"] for line in lines] == ["request.malformed"]
    assert "hush-hush" not in f"{lines}{caplog.text}{replies}"
    assert "Traceback" not in caplog.text


async def test_no_answer_tells_the_versions_of_the_software(front: Front) -> None:
    good = await front.sender().post(body())
    bad = await front.sender().post(b"")
    worse = await front.sender().exchange(b"\x00\r\n\r\n")

    assert {reply.headers["server"] for reply in (good, bad, worse)} == {"relay"}
    assert {reply.headers["x-content-type-options"] for reply in (good, bad, worse)} == {"nosniff"}
    assert {reply.headers["cache-control"] for reply in (good, bad, worse)} == {"no-store"}


async def test_healthz_says_that_the_process_is_alive(front: Front) -> None:
    reply = await front.sender().exchange(b"GET /healthz HTTP/1.1\r\nHost: relay\r\n\r\n")

    assert (reply.status, reply.document) == (200, {"status": "ok"})


@pytest.mark.parametrize("ready", [True, False])
async def test_readyz_says_what_cannot(ready: bool) -> None:
    checks = {"redis": "ok", "slack": "ok" if ready else "invalid_auth"}

    async with receiving(readiness=Readiness(ready, checks)) as front:
        reply = await front.sender().exchange(b"GET /readyz HTTP/1.1\r\nHost: relay\r\n\r\n")

    assert reply.status == (200 if ready else 503)
    assert reply.document == {"ready": ready, "checks": checks}


async def test_metrics_are_shown_to_prometheus(front: Front) -> None:
    await front.sender().post(body())

    reply = await front.sender().exchange(b"GET /metrics HTTP/1.1\r\nHost: relay\r\n\r\n")

    assert reply.headers["content-type"].startswith("text/plain; version=")
    assert b'relay_events_total{outcome="accepted",source="ops"}' in reply.body


async def test_the_front_page_says_what_this_is_and_no_more(front: Front) -> None:
    reply = await front.sender().exchange(b"GET / HTTP/1.1\r\nHost: relay\r\n\r\n")

    assert reply.status == 200
    assert reply.body.startswith(b"This is relay, the webhook target for long-running operations")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert (reply.headers["x-content-type-options"], reply.headers["cache-control"]) == ("nosniff", "no-store")
    assert reply.headers["server"] == "relay"


async def test_the_openapi_document_is_valid_and_describes_what_is_served(front: Front) -> None:
    reply = await front.sender().exchange(b"GET /openapi.json HTTP/1.1\r\nHost: relay\r\n\r\n")

    validate(reply.document)
    served = {resource.canonical for resource in make_app(front.receiver).router.resources()}
    assert reply.document["paths"].keys() == served
    assert reply.document["openapi"].startswith("3.1")


def test_the_openapi_document_is_valid_with_every_address() -> None:
    everything = openapi.document(ADDRESSES, "https://relay.example.com")

    validate(everything)
    assert everything["paths"].keys() == ADDRESSES
    assert everything["servers"] == [{"url": "https://relay.example.com"}]


def test_the_openapi_document_knows_every_answer() -> None:
    answers = openapi.document(ADDRESSES)["paths"]["/webhooks/{source}"]["post"]["responses"]

    assert answers.keys() == {"200", "202", *(f"{status}" for status in OUTCOMES)}


async def test_relay_also_listens_on_a_unix_socket(front: Front, tmp_path: Path) -> None:
    path = f"{tmp_path}/relay.sock"
    runner = await serve(make_app(front.receiver), None, 0, unix_path=path)

    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(front.sender().raw(json.dumps(body()).encode()))
    reply = await read_reply(reader)
    writer.close()
    await runner.cleanup()

    assert reply.status == 202


async def test_an_address_in_use_stops_the_start(front: Front) -> None:
    port = front.runner.addresses[0][1]

    with pytest.raises(OSError, match="address already in use"):
        await serve(make_app(front.receiver), "127.0.0.1", port)
