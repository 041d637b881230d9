"""What a body may be, how it is asked for, the memory that bodies take together, and who goes when there is no more."""

import asyncio
import json

import pytest

from relay.receiving.guard import Guard
from tests.support.events import body
from tests.support.front import SOURCES, Front, assert_problem, count, receiving
from tests.support.sender import SECRET, endlessly, read_reply, slowly

EVENT = json.dumps(body()).encode()


async def test_what_fits_nowhere_is_refused_and_asked_to_come_again() -> None:
    async with receiving(guard=Guard(memory=10_000)) as front:
        refused = count("bodies_refused", reason="memory")
        reply = await front.sender().exchange(slowly(front.sender().raw(b" " * 20_000), step=2000))

    assert_problem(reply, 503)
    assert int(reply.headers["retry-after"]) > 0
    assert reply.headers["connection"] == "close"
    assert count("bodies_refused", reason="memory") == refused + 1
    assert front.guard.held == 0
    assert front.events == []


@pytest.mark.parametrize("source", ["ops", "standard", "github", "stripe", "progress"])
@pytest.mark.parametrize("headers", [{}, {"Expect": "100-continue"}], ids=["body comes", "asks first"])
async def test_a_body_that_no_signature_speaks_for_is_not_read(source: str, headers: dict[str, str]) -> None:
    async with receiving() as front:
        refused, unread = count("signatures_refused", source=source), count("bodies_refused", reason="unsigned")
        sender = front.sender(source)
        unsigned = dict.fromkeys(sender.sign(EVENT), "")
        request = sender.raw(EVENT, {**unsigned, **headers, "Content-Length": "99000"})

        reply = await sender.exchange(request, endlessly(b" "))
        whole = await sender.post(EVENT, signed=False)

    assert_problem(reply, 401)
    asked = "The token or password" if source == "progress" else "The signature"
    assert reply.document["detail"].startswith(f"{asked} is missing, wrong or too old.")
    assert (reply.body, reply.headers["www-authenticate"]) == (whole.body, whole.headers["www-authenticate"])
    assert reply.headers["connection"] == "close"
    assert count("signatures_refused", source=source) == refused + 2
    assert count("bodies_refused", reason="unsigned") == unread + 1


@pytest.mark.parametrize("source", SOURCES)
async def test_a_genuine_body_may_come_in_pieces(source: str, front: Front) -> None:
    request = front.sender(source).raw(EVENT)

    reply = await front.sender(source).exchange(slowly(request, step=len(request) // 3))

    assert reply.status == 202
    assert [event.source for event in front.events] == [source]
    assert SECRET not in f"{reply}"


async def test_a_large_body_may_take_longer_as_long_as_it_comes() -> None:
    async with receiving(body_timeout=0.2) as front:
        event = json.dumps(body()).encode() + b" " * 60_000
        request = front.sender().raw(event)

        reply = await front.sender().exchange(slowly(request, step=6_000, pause=0.05))

    assert reply.status == 202


async def test_a_body_may_be_as_large_as_allowed_and_no_larger() -> None:
    event = json.dumps(body()).encode()

    async with receiving(max_body=len(event)) as front:
        exact = await front.sender().post(event)
        larger = await front.sender().post(event + b" ")

    assert exact.status == 202
    assert_problem(larger, 413)


async def test_an_endless_body_is_refused_at_the_limit(front: Front) -> None:
    request = front.sender().raw(b"", {"Content-Length": "", "Transfer-Encoding": "chunked"})

    reply = await front.sender().exchange(request, endlessly(b"1000\r\n" + b" " * 4096 + b"\r\n"))

    assert_problem(reply, 413)


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


@pytest.mark.parametrize("source", ["ops", "unheard-of"])
async def test_a_sender_that_asked_first_and_is_refused_need_not_guess_where_its_next_request_begins(
    source: str, front: Front
) -> None:
    request = front.sender(source).raw(b"", {"Content-Length": "90", "Expect": "100-continue", "Content-Type": "x/y"})

    reply = await front.sender().exchange(request)

    assert reply.status in (404, 415)
    assert reply.headers["connection"] == "close"


@pytest.mark.parametrize(("content_type", "status"), [
    (None, 202),
    ("application/json", 202),
    ("Application/JSON; charset=UTF-8", 202),
    ("application/cloudevents+json", 202),
    ("text/json", 415),
    ("multipart/form-data; boundary=x", 415),
    ("application/jsonp", 415),
    ("image/svg+json", 415),
    (";", 202),
    ("application/json, text/plain", 415),
])  # fmt: skip
async def test_a_body_is_json_by_its_content_type(front: Front, content_type: str | None, status: int) -> None:
    reply = await front.sender().post(body(), content_type=content_type)

    assert reply.status == status


@pytest.mark.parametrize("content_type", [None, "", ";", "text/plain"])
async def test_a_browser_cannot_be_made_to_send_where_nothing_is_signed(front: Front, content_type: str | None) -> None:
    refused = await front.sender("open").post(body(), signed=False, content_type=content_type)
    asked = await front.sender("open").post(
        b"",
        signed=False,
        method="OPTIONS",
        headers=[("Origin", "https://x.test"), ("Access-Control-Request-Method", "POST")],
    )

    assert refused.status == 415
    assert not [name for name in asked.headers if name.startswith("access-control-")]
    assert front.events == []
