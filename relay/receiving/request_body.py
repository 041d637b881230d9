"""The body of a request, read within bounds of size and time, before anything in it is believed."""

import asyncio

from aiohttp import HttpVersion11, hdrs, web

from relay.receiving.problems import HttpProblem


async def read(request: web.Request, *, most: int, seconds: float) -> bytes:
    """The whole body, counted as it comes: its length may be left out, and is never believed. Raises HttpProblem.

    `most` is in bytes. A sender that waits to be asked for it (Expect: 100-continue) is asked here.
    """
    body = bytearray()
    _check_size(request.content_length or 0, most)
    try:
        await _send_for_body(request)
        async with asyncio.timeout(seconds):
            async for piece in request.content.iter_any():
                body += piece
                _check_size(len(body), most)
    except TimeoutError as error:
        raise HttpProblem(408, f"The body must be complete within {seconds:g} s.", close=True) from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise HttpProblem(400, "The body ended early, or is chunked wrongly.", close=True) from error
    return bytes(body)


async def expect_later(_request: web.Request) -> None:
    """An `expect_handler` that lets `read` ask for the body, once nothing else speaks against the request."""


def headers(request: web.Request) -> dict[str, list[bytes]]:
    """All header lines by their name in small letters, as bytes: what signatures are made of."""
    values: dict[str, list[bytes]] = {}
    for name, value in request.raw_headers:
        values.setdefault(name.decode("latin-1").lower(), []).append(value.strip(b" \t"))
    return values


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise HttpProblem(413, f"The body may have up to {most} bytes.", close=True)


async def _send_for_body(request: web.Request) -> None:
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun
