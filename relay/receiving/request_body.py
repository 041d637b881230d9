"""The body and the headers of a request, read within bounds of size, time and memory, before anything is believed."""

import asyncio
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from urllib.parse import parse_qs

from aiohttp import HttpVersion11, hdrs, web

from relay import metrics
from relay.receiving.guard import OutOfMemory
from relay.receiving.problems import HttpProblem

MEDIA = {"text": "text/plain", "form": "application/x-www-form-urlencoded"}
SLOWEST = 32 * 1024  # bytes a second that a body must have, once its first seconds are over
NO_MEMORY = "relay is receiving more at present than it has memory for. Send it again."


def whole(request: web.BaseRequest, *, max_size: int) -> bytes | None:
    """Return the body if it came with its headers, as nearly all do; None: it has to be waited for. HttpProblem."""
    content = request.content
    if not content.is_eof() or content.exception() is not None:
        return None
    body = content.read_nowait(-1)
    _check_size(len(body), max_size)
    return body


async def read(request: web.BaseRequest, *, max_size: int, seconds: float, slowest: int = SLOWEST) -> bytes:
    """Return the whole body, counted as it comes: its length may be left out, and is never believed. HttpProblem.

    A body has `seconds`, and as many more as what has come of it takes at `slowest` bytes a second. A sender that waits
    to be asked for it (Expect: 100-continue) is asked here.
    """
    if (body := whole(request, max_size=max_size)) is not None:
        return body
    _check_size(request.content_length or 0, max_size)
    began, size, pieces = asyncio.get_running_loop().time(), 0, []
    try:
        await _send_for_body(request)
        async with asyncio.timeout(seconds) as deadline:
            async for piece in request.content.iter_any():
                size += len(piece)
                _check_size(size, max_size)
                pieces.append(piece)  # a buffer that grows is moved again and again, and leaves gaps in the memory
                deadline.reschedule(began + seconds + size / slowest)
    except TimeoutError as error:
        metrics.bodies_refused.labels("slow").inc()
        detail = f"The body must be complete within {seconds:g} s, or come with {slowest // 1024} KiB a second."
        raise HttpProblem(408, detail, close=True) from error
    except OutOfMemory as error:
        metrics.bodies_refused.labels("memory").inc()
        raise HttpProblem(503, NO_MEMORY, close=True) from error.with_traceback(None)
    except (web.RequestPayloadError, ConnectionError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and request.transport is not None:
            raise  # aiohttp's, if the sender had hung up before its body was asked for
        # The stream keeps the error, whose traceback keeps the stream and what it has read, until the collector comes.
        cause = error.with_traceback(None)
        raise HttpProblem(400, "The body ended early, or is chunked wrongly.", close=True) from cause
    return b"".join(pieces)


async def expect_later(_request: web.Request) -> None:
    """An `expect_handler` that lets `read` ask for the body, once nothing else speaks against the request."""


def header_lines(request: web.BaseRequest) -> Mapping[str, Sequence[bytes]]:
    """Return all header lines by their name in small letters, as bytes: what signatures are made of."""
    lines: dict[str, list[bytes]] = {}
    for name, line in request.raw_headers:
        lines.setdefault(_small(name), []).append(line.strip(b" \t"))
    return lines


@lru_cache(256)  # of the same few senders
def _small(name: bytes) -> str:
    return name.decode("latin-1").lower()


def expect_spelling(request: web.BaseRequest, *, typed: bool, accept: frozenset[str] = frozenset()) -> None:
    """Refuse what is no JSON by its headers, and compressed bodies, unless they are a spelling that is accepted.

    `typed`: JSON's type is needed (CORS). `accept`: `text`, `form` and `gzip`.
    """
    headers = request.headers
    if hdrs.CONTENT_ENCODING in headers:
        encodings = {value.strip().lower() for value in headers.getall(hdrs.CONTENT_ENCODING)}
        if encodings - {"", "identity", *({"gzip"} & {*accept})}:
            raise HttpProblem(415, "Send the body without a content encoding.")
    if refusal := _media_refusal(headers.get(hdrs.CONTENT_TYPE, ""), typed, accept):
        raise HttpProblem(415, refusal)


@lru_cache(256)  # a sender says the same with each event
def _media_refusal(content_type: str, typed: bool, accept: frozenset[str]) -> str:
    media = content_type.partition(";")[0].strip().lower()
    spelled = {MEDIA[word] for word in accept if word in MEDIA} if not typed else ()
    if media not in ("", "application/json", *spelled) and not (
        media.startswith("application/") and media.endswith("+json")
    ):
        return "Send the body as application/json."
    return "Send the body with Content-Type: application/json. Unsigned events need it." if typed and not media else ""


def spelled_out(request: web.BaseRequest, body: bytes, *, max_size: int) -> bytes:
    """Return the JSON of a verified body in an accepted spelling, decompressed and out of its form. HttpProblem.

    What it unpacks to is counted as if it had come like that. Its type is not signed: what can be JSON is no form.
    """
    if "gzip" in request.headers.get(hdrs.CONTENT_ENCODING, "").lower():
        unpacking, packed = zlib.decompressobj(wbits=31), body
        try:
            body = unpacking.decompress(packed, max_size + 1)
        except zlib.error as error:
            raise HttpProblem(400, "The body is no gzip.") from error
        _check_size(len(body), max_size)
        if not unpacking.eof or unpacking.unused_data:
            raise HttpProblem(400, "The body is no gzip, or more than one.")
    if request.content_type == MEDIA["form"] and not body.lstrip().startswith((b"{", b"[")):
        try:
            fields = parse_qs(body.decode(), keep_blank_values=True, max_num_fields=10, errors="strict")
        except ValueError as error:
            raise HttpProblem(400, "The body is no form of a few fields.") from error
        if len(payloads := fields.get("payload", [])) != 1:
            raise HttpProblem(400, "The form must have one field `payload`, with the JSON.")
        body = payloads[0].encode()
    return body


def query_token(request: web.BaseRequest) -> str | None:
    tokens = request.query.getall("token", []) if request.rel_url.raw_query_string else ()
    return tokens[0] if len(tokens) == 1 else None


def _check_size(size: int, max_size: int) -> None:
    if size > max_size:
        metrics.bodies_refused.labels("large").inc()
        raise HttpProblem(413, f"The body may have up to {max_size} bytes.", close=True)


async def _send_for_body(request: web.BaseRequest) -> None:
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun
