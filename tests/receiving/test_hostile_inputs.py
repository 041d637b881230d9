"""Every hostile input has a name, and exactly one answer.

Each is sent to a real server. Whatever it is, the server answers as documented, logs no secret and no traceback,
tells none in its answer, and serves the next sender as if nothing had happened.
"""

import logging
import zlib
from collections.abc import Callable, Mapping

import pytest
from aiohttp.http_parser import HttpRequestParser, HttpRequestParserPy
from structlog.testing import capture_logs

from tests.receiving.hostile_bodies import BODIES, CANARY, EVENTS, GOOD, GOOD_BODY, MAX_BODY, Headers
from tests.support.front import TOKEN, receiving
from tests.support.sender import SECRET, Reply, Sender

# A good, signed body under headers that do not fit.
HEADERS: Mapping[str, tuple[Headers, int]] = {
    "gzip": ({"Content-Encoding": "gzip"}, 415),
    "deflate": ({"Content-Encoding": "deflate"}, 415),
    "encoding not ASCII": ({"Content-Encoding": "gzıp"}, 415),
    "no JSON": ({"Content-Type": "text/plain"}, 415),
    "type of 7 kB": ({"Content-Type": "application/" + "j" * 7000}, 415),
    "type not ASCII": ({"Content-Type": "application/jsön"}, 415),
    # Nothing signs these here, so they say nothing.
    "id of 257 characters": ({"webhook-id": "x" * 257}, 202),
    "id right to left": ({"webhook-id": "a\u202eb"}, 202),
    "CloudEvents' id right to left": ({"ce-id": "a\u202eb"}, 202),
    "challenge beside an event": ({"webhook-challenge": "let-me-in"}, 202),
    "forwarded from everywhere": ({"X-Forwarded-For": ", ".join(["127.0.0.1"] * 500)}, 202),
    "unknown expectation": ({"Expect": "the unexpected"}, 202),
    "300 headers": ({f"X-Header-{n}": "x" for n in range(300)}, 400),
    "header of 9 kB": ({"X-Long": "x" * 9000}, 400),
}

HOST = b"Host: relay\r\n"
AUTHORIZED = b"Authorization: Bearer " + TOKEN.encode() + b"\r\n"
QUERY = b"?token=" + TOKEN.encode()
BOMB = zlib.compress(b" " * 60_000)
START = b"POST /webhooks/ops HTTP/1.1\r\n" + HOST + AUTHORIZED

# Not HTTP/1.1 as it should be. Whatever can be read in two ways must not be read at all.
WIRE: Mapping[str, tuple[bytes, int]] = {
    "expectation at no address": (b"GET /x HTTP/1.1\r\nHost: relay\r\nExpect: x\r\n\r\n", 404),
    "expectation that is no UTF-8": (b"GET /x HTTP/1.1\r\nHost: relay\r\nExpect: \xf0\r\n\r\n", 404),
    "length and chunks": (START + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "two lengths": (START + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", 400),
    "length is text": (START + b"Content-Length: two\r\n\r\n{}", 400),
    "length of 1 GB": (START + b"Content-Length: 1000000000\r\n\r\n", 401),
    "length of 100 digits": (START + b"Content-Length: " + b"9" * 100 + b"\r\n\r\n", 400),
    "chunked twice": (START + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    "compressed, then chunked": (START + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    "chunked in HTTP/1.0": (
        START.replace(b"HTTP/1.1", b"HTTP/1.0") + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "space before the colon": (START + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    "folded header": (START + b"X-Folded: a\r\n b\r\n\r\n", 400),
    "NUL in a header": (START + b"X-Header: a\0b\r\n\r\n", 400),
    "bare line feeds": (START.replace(b"\r\n", b"\n") + b"\n", 400),
    "two hosts": (START + HOST + b"\r\n", 400),
    "two signatures": (START + b"X-Webhook-Signature: a\r\nx-webhook-signature: b\r\n\r\n", 401),
    "signature not UTF-8": (START + b"X-Webhook-Signature: sha256=\xff\xfe\r\nContent-Length: 0\r\n\r\n", 401),
    "chunk size of 9 kB": (START + b"Transfer-Encoding: chunked\r\n\r\n" + b"0" * 9000 + b"2\r\n{}\r\n0\r\n\r\n", 401),
    "chunk ends with a line feed": (START + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\n0\r\n\r\n", 400),
    "version 0.9": (b"POST /webhooks/ops\r\n\r\n", 401),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + TOKEN.encode() + b"\r\n\r\n", 400),
    "method TRACE": (b"TRACE /webhooks/ops HTTP/1.1\r\n" + HOST + AUTHORIZED + b"\r\n", 405),
    "method HEAD": (b"HEAD /webhooks/ops HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "address of 8 kB": (b"POST /webhooks/" + b"a" * 8000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "address of another server": (b"POST http://evil.example.com/ HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    "address of a broken server": (b"POST http://[::1/ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "address not UTF-8": (b"POST /webhooks/%ff%fe HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "address with raw bytes": (b"POST /webhooks/\xff\xfe HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "asterisk": (b"OPTIONS * HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    "token in another source's address": (b"POST /webhooks/ops" + QUERY + b" HTTP/1.1\r\n" + HOST + b"\r\n", 401),
    "token twice in the address": (b"POST /webhooks/progress" + QUERY + b"&" + QUERY[1:] + b" HTTP/1.1\r\n" + HOST
                                   + b"\r\n", 401),
    "token of surrogates": (b"POST /webhooks/progress?token=%ED%A0%80 HTTP/1.1\r\n" + HOST
                            + b"Content-Length: 0\r\n\r\n", 401),
    "query of 7 kB": (b"POST /webhooks/progress?" + b"a=1&" * 1700 + b" HTTP/1.1\r\n" + HOST
                      + b"Content-Length: 0\r\n\r\n", 401),
    "tunnel": (b"CONNECT evil.example.com:443 HTTP/1.1\r\n" + HOST + AUTHORIZED + b"\r\n", 404),
    "deflate bomb in chunks": (START + b"Content-Encoding: deflate\r\nTransfer-Encoding: chunked\r\n\r\n"
                               + b"%x\r\n%s\r\n0\r\n\r\n" % (len(BOMB), BOMB), 415),
    "second request smuggled behind the first": (
        START + b"Content-Length: 0\r\n\r\nGET /metrics HTTP/1.1\r\n" + HOST + b"\r\n", 401),
    "a hundred requests at once": ((START + b"Content-Length: 0\r\n\r\n") * 100, 401),
    "no host": (b"POST /webhooks/ops HTTP/1.1\r\nContent-Length: 0\r\n\r\n", 400),
}  # fmt: skip

# Where aiohttp's pure Python parser, used where there is no compiled one, reads the same bytes in another harmless way.
PURE_PYTHON: Mapping[str, int] = {
    "length of 100 digits": 401, "chunked twice": 501, "chunk size of 9 kB": 401, "version 0.9": 400,
    "address with raw bytes": 404,
}  # fmt: skip


async def assert_harmless(hostile: Callable[[Sender], bytes], status: int, caplog: pytest.LogCaptureFixture) -> None:
    with capture_logs() as lines, caplog.at_level(logging.DEBUG):
        async with receiving(max_body=MAX_BODY, body_timeout=1.0) as front:
            sender = front.sender()
            sent = hostile(sender)
            reply = await sender.exchange(sent, bodiless=sent.startswith(b"HEAD"))
            taken = len(front.events)
            after = await sender.post(GOOD)

    assert reply.status == status
    assert_tells_nothing(reply)
    said = f"{lines} {caplog.text} {reply.headers} {reply.body!r}"
    assert [secret for secret in (SECRET, TOKEN, CANARY, "Traceback") if secret in said] == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING or record.exc_info] == []
    assert taken == (status == 202)
    assert after.status == 202


def assert_tells_nothing(reply: Reply) -> None:
    assert not 300 <= reply.status < 400
    assert reply.status not in (410, 500)
    if reply.status >= 400:
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.headers["server"] == "relay"
    if reply.status >= 400 and reply.body:
        assert reply.document.keys() <= {"type", "title", "status", "detail", "field", "quarantine"}
        assert ".py" not in reply.body.decode()


@pytest.mark.parametrize(("sent", "headers", "status"), [
    *(pytest.param(sent, {}, status, id=name) for name, (sent, status) in (BODIES | EVENTS).items()),
    *(pytest.param(GOOD_BODY, headers, status, id=name) for name, (headers, status) in HEADERS.items()),
])  # fmt: skip
async def test_hostile_requests_are_harmless(
    sent: bytes, headers: Headers, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    await assert_harmless(lambda sender: sender.raw(sent, headers), status, caplog)


@pytest.mark.parametrize("name", WIRE)
async def test_hostile_bytes_are_harmless(name: str, caplog: pytest.LogCaptureFixture) -> None:
    sent, status = WIRE[name]
    if HttpRequestParser is HttpRequestParserPy:
        status = PURE_PYTHON.get(name, status)

    await assert_harmless(lambda _: sent, status, caplog)
