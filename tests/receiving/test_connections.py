"""What strangers may take of a relay's connections, on real sockets: who goes, who is kept, and who is answered."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs

from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.receiving.guard import Guard
from relay.receiving.listeners import make_admin_app
from relay.receiving.server import serve
from relay.receiving.tls import Admin
from tests.support.events import body
from tests.support.front import Front, assert_problem, count, receiving
from tests.support.patience import patience
from tests.support.sender import read_reply
from tests.support.waiting import until

EVENT = json.dumps(body()).encode()
HEALTHZ, READYZ, METRICS = (
    b"GET /%b HTTP/1.1\r\nHost: localhost\r\n\r\n" % name for name in (b"healthz", b"readyz", b"metrics")
)


@asynccontextmanager
async def connected(front: Front, sent: bytes = b"") -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection(*front.runner.addresses[0])
    writer.write(sent)
    try:
        yield reader
    finally:
        writer.transport.abort()


async def test_whoever_is_idle_makes_room_for_others() -> None:
    evicted = count("connections_evicted", listener="public")
    with capture_logs() as lines:
        async with receiving(guard=Guard(max_connections=2, reserve=0)) as front, connected(front, HEALTHZ) as first:
            assert (await read_reply(first)).status == 200
            async with connected(front, HEALTHZ) as second:
                assert (await read_reply(second)).status == 200

                reply = await front.sender().post(EVENT)

                assert await first.read() == b""
    assert reply.status == 202
    assert count("connections_evicted", listener="public") == evicted + 1
    assert [(line["event"], line["peer"]) for line in lines] == [("connection.evicted", "127.0.0.1")]


@pytest.mark.parametrize("rest", [b"", b"\r\n"], ids=["unfinished", "whole"])
async def test_more_headers_than_any_sender_needs_are_refused(rest: bytes) -> None:
    many = b"".join(b"X-%d: %b\r\n" % (number, b"a" * 8000) for number in range(5)) + rest
    async with receiving() as front:
        reply = await front.sender().exchange(front.sender().raw(EVENT).partition(b"\r\n\r\n")[0] + b"\r\n" + many)

    assert_problem(reply, 431)
    assert front.guard.bodies.used == 0


async def test_headers_behind_a_body_are_not_kept_without_end() -> None:
    async with receiving() as front:
        head = front.sender().raw(b"", {"Content-Length": "", "Transfer-Encoding": "chunked"})
        reader, writer = await asyncio.open_connection(*front.runner.addresses[0])
        writer.write(head)
        await until(lambda: front.guard.answering)
        writer.write(b"0\r\n" + b"X: %b\r\n" % (b"a" * 8000) * 5)

        assert (await read_reply(reader)).status == 0
        writer.transport.abort()


async def test_the_rest_of_what_was_refused_is_no_part_of_the_next_request() -> None:
    async with receiving(guard=Guard(header_timeout=patience()), linger=patience()) as front:
        unsigned = front.sender("unheard-of").raw(b"x" * 200_000)
        reader, writer = await asyncio.open_connection(*front.runner.addresses[0])
        writer.write(unsigned[:-180_000])
        assert (await read_reply(reader)).status == 404
        writer.write(unsigned[-180_000:])
        await until(lambda: all(connection._body.is_eof() for connection in front.guard.connections))
        writer.write(front.sender().raw(EVENT))
        assert (await read_reply(reader)).status == 202
        writer.transport.abort()


async def test_when_all_are_busy_probes_are_answered_and_an_event_is_asked_to_come_again() -> None:
    go_on = asyncio.Event()

    async def ingest(_event: Event) -> Accepted:
        await go_on.wait()
        return Accepted("accepted", 1)

    refused = count("connections_refused", listener="public", reason="full")
    with capture_logs() as lines:
        async with receiving(ingest=ingest, guard=Guard(max_connections=1, reserve=1)) as front:
            sender = front.sender()
            async with connected(front, sender.raw(EVENT)) as busy:
                await until(lambda: front.guard.answering)

                probes = [await sender.exchange(probe, whole=True) for probe in (HEALTHZ, READYZ)]
                others = [await sender.exchange(request) for request in (sender.raw(EVENT), METRICS)]

                go_on.set()
                assert (await read_reply(busy)).status == 202
                assert (await sender.post(EVENT)).status == 202

    assert [probe.status for probe in probes] == [200, 200]
    assert [probe.headers["connection"] for probe in probes] == ["close", "close"]
    for reply in others:
        assert_problem(reply, 503)
        assert int(reply.headers["retry-after"]) > 0
    assert count("connections_refused", listener="public", reason="full") == refused + 2
    assert lines[0]["event"] == "connection.refused"
    assert (lines[0]["reason"], lines[0]["peer"], lines[0]["limit"]) == ("full", "127.0.0.1", 1)


@pytest.mark.parametrize("requests", [METRICS * 50_000, HEALTHZ * 100], ids=["by relay", "by the kernel"])
async def test_a_client_that_does_not_read_is_closed_whoever_holds_its_answers(requests: bytes) -> None:
    guard = Guard(header_timeout=patience(), idle_timeout=3600.0, write_timeout=1.0)
    given_up = count("connections_given_up", listener="public", awaited="answer")
    async with receiving() as front:
        runner = await serve(make_admin_app(front.receiver.probes, Admin(), set()), "127.0.0.1", 0,
                             guard=guard)  # fmt: skip
        with socket.socket() as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(client, runner.addresses[0])
            sending = asyncio.create_task(loop.sock_sendall(client, requests))
            await until(lambda: guard.connections)

            await until(lambda: not guard.connections)
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        await runner.cleanup()
    assert count("connections_given_up", listener="public", awaited="answer") == given_up + 1


async def test_pipelined_requests_are_all_answered_in_order() -> None:
    async with (
        receiving() as front,
        connected(front, METRICS * 3 + front.sender().raw(EVENT) * 100 + HEALTHZ) as reader,
    ):
        replies = [await read_reply(reader) for _ in range(104)]

    assert [reply.status for reply in replies] == [404] * 3 + [202] * 100 + [200]
    assert replies[-1].document == {"status": "ok"}
