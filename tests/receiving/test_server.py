"""The server's patience: bodies, headers and connections that stop, drip, hang up or are too many."""

import ast
import asyncio
import json
import logging
from pathlib import Path

import pytest
from aiohttp import web
from structlog.testing import capture_logs

import relay.receiving as receiving_room
from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.receiving.guard import Guard
from tests.support.events import body
from tests.support.front import Front, assert_problem, receiving
from tests.support.patience import patience
from tests.support.sender import read_reply, slowly


async def test_a_body_that_stops_is_given_up() -> None:
    async with receiving(body_timeout=0.2) as front:
        request = front.sender().raw(b'{"event":')

        reply = await front.sender().exchange(request.replace(b"Length: 9", b"Length: 100"))

    assert_problem(reply, 408)
    assert reply.headers["connection"] == "close"


async def test_a_body_that_drips_is_given_up_although_some_of_it_keeps_coming() -> None:
    async with receiving(body_timeout=0.2) as front:
        sender, event = front.sender(), json.dumps(body()).encode()
        head = sender.raw(event).removesuffix(event)

        reply = await sender.exchange(head, slowly(event))

    assert_problem(reply, 408)
    assert front.events == []


async def test_headers_that_stop_or_drip_are_given_up_without_an_answer() -> None:
    async with receiving(guard=Guard(header_timeout=0.2)) as front:
        sender = front.sender()
        head = sender.raw(b"")[:-10]

        replies = await asyncio.gather(
            sender.exchange(b""), sender.exchange(head), sender.exchange(slowly(head * 2)), sender.exchange(b"\r\n")
        )

    assert [reply.status for reply in replies] == [0, 0, 0, 0]


@pytest.mark.slow
async def test_the_headers_of_later_requests_have_a_deadline_too() -> None:
    async with receiving(guard=Guard(header_timeout=patience(0.5))) as front:
        sender = front.sender()
        reader, writer = await asyncio.open_connection(*front.runner.addresses[0])

        writer.write(sender.raw(json.dumps(body()).encode()))
        first = await read_reply(reader)
        writer.write(sender.raw(b"{}")[:20])
        second = await read_reply(reader)
        writer.close()

    assert (first.status, second.status) == (202, 0)


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

        await asyncio.wait_for(finished.wait(), patience())


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


def test_no_private_attribute_of_aiohttp_is_read_or_overwritten() -> None:
    """A minor release may rename them, and a security release must not have to wait for that."""
    classes = {*web.RequestHandler.__mro__, *web.AppRunner.__mro__, web.Server, web.Request, web.BaseRequest} - {object}
    private = {name for each in classes for name in (*vars(each), *getattr(each, "__slots__", ()))}
    private = {name for name in private if name.startswith("_") and not name.startswith("__")}
    for module in ("connection", "server", "guard", "request_body", "listeners", "probes"):
        tree = ast.parse((Path(receiving_room.__path__[0]) / f"{module}.py").read_text())
        used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert used & private <= {"_runner"}, module  # our own, of a class that is not aiohttp's
