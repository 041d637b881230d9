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
from relay.receiving.operators import Admin
from relay.receiving.server import serve
from tests.support.events import body
from tests.support.front import Front, count, receiving
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


async def test_the_longest_idle_connection_makes_room_for_others() -> None:
    closed = count("connections_closed", listener="public", reason="idle")
    with capture_logs() as lines:
        async with receiving(guard=Guard(max_connections=2)) as front, connected(front, HEALTHZ) as first:
            assert (await read_reply(first)).status == 200
            async with connected(front, HEALTHZ) as second:
                assert (await read_reply(second)).status == 200

                reply = await front.sender().post(EVENT)

                assert await first.read() == b""
    assert reply.status == 202
    assert count("connections_closed", listener="public", reason="idle") == closed + 1
    assert [(line["event"], line["peer"]) for line in lines] == [("connection.closed", "127.0.0.1")]


async def test_while_all_are_busy_a_newcomer_is_closed() -> None:
    go_on = asyncio.Event()

    async def ingest(_event: Event) -> Accepted:
        await go_on.wait()
        return Accepted("accepted", 1)

    closed = count("connections_closed", listener="public", reason="full")
    async with receiving(ingest=ingest, guard=Guard(max_connections=1)) as front:
        async with connected(front, front.sender().raw(EVENT)) as busy:
            await until(lambda: front.guard.answering)
            refused = await front.sender().exchange(HEALTHZ)
            go_on.set()
            assert (await read_reply(busy)).status == 202
        assert (await front.sender().post(EVENT)).status == 202

    assert refused.status == 0
    assert count("connections_closed", listener="public", reason="full") == closed + 1


@pytest.mark.parametrize("end", [b"", b"0\r\n"], ids=["headers", "headers behind a body"])
async def test_headers_take_no_more_memory_than_there_is_for_requests(end: bytes) -> None:
    async with receiving(guard=Guard(memory=32_000)) as front:
        head = front.sender().raw(b"", {"Content-Length": "", "Transfer-Encoding": "chunked"})
        reader, writer = await asyncio.open_connection(*front.runner.addresses[0])
        writer.write(head if end else head[:-2])
        await until(lambda: front.guard.answering if end else front.guard.held)
        writer.write(end + b"X: %b\r\n" % (b"a" * 8000) * 5)

        assert (await read_reply(reader)).status == (503 if end else 0)
        writer.transport.abort()
        assert (await front.sender().post(EVENT)).status == 202
    assert front.guard.held == 0


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


@pytest.mark.parametrize("requests", [METRICS * 50_000, HEALTHZ * 100], ids=["by relay", "by the kernel"])
async def test_a_client_that_does_not_read_is_closed_whoever_holds_its_answers(requests: bytes) -> None:
    guard = Guard(header_timeout=patience(), idle_timeout=3600.0, write_timeout=1.0)

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


async def test_pipelined_requests_are_all_answered_in_order() -> None:
    async with (
        receiving() as front,
        connected(front, METRICS * 3 + front.sender().raw(EVENT) * 100 + HEALTHZ) as reader,
    ):
        replies = [await read_reply(reader) for _ in range(104)]

    assert [reply.status for reply in replies] == [404] * 3 + [202] * 100 + [200]
    assert replies[-1].document == {"status": "ok"}
