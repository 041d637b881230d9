"""What a body may be: its content type, its encoding, and how it is asked for."""

import asyncio
import json

import pytest

from tests.support.events import body
from tests.support.front import Front, assert_problem, receiving
from tests.support.sender import endlessly, read_reply


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


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
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
    ],
)
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
