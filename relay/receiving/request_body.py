"""The body and the headers of a request, read within bounds of size and time, before anything in them is believed."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiohttp import HttpVersion11, hdrs, web

from relay.receiving.problems import HttpProblem


async def read(request: web.BaseRequest, *, most: int, seconds: float) -> bytes:
    """The whole body, counted as it comes: its length may be left out, and is never believed. Raises HttpProblem.

    `most` is in bytes. A sender that waits to be asked for it (Expect: 100-continue) is asked here.
    """
    content = request.content
    if content.is_eof() and content.exception() is None:  # it came with its headers, as nearly all do
        whole = content.read_nowait(-1)
        _check_size(len(whole), most)
        return whole
    body = bytearray()
    _check_size(request.content_length or 0, most)
    try:
        await _send_for_body(request)
        async with asyncio.timeout(seconds):
            async for piece in content.iter_any():
                body += piece
                _check_size(len(body), most)
    except TimeoutError as error:
        raise HttpProblem(408, f"The body must be complete within {seconds:g} s.", close=True) from error
    except (web.RequestPayloadError, ConnectionError) as error:
        raise HttpProblem(400, "The body ended early, or is chunked wrongly.", close=True) from error
    return bytes(body)


async def expect_later(_request: web.Request) -> None:
    """An `expect_handler` that lets `read` ask for the body, once nothing else speaks against the request."""


class Headers(Mapping[str, Sequence[bytes]]):
    """All header lines by their name in small letters, as bytes: what signatures are made of."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._lines = request.headers  # as text, in which each byte that is no UTF-8 stands for itself

    def __getitem__(self, name: str) -> list[bytes]:
        return [line.encode("utf-8", "surrogateescape").strip(b" \t") for line in self._lines.getall(name)]

    def get(self, name: str, default: Any = ()) -> Any:
        lines = self._lines.getall(name, None)
        return default if lines is None else [line.encode("utf-8", "surrogateescape").strip(b" \t") for line in lines]

    def __contains__(self, name: object) -> bool:
        return name in self._lines

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name.lower() for name in self._lines))

    def __len__(self) -> int:
        return len({*self})


def _check_size(size: int, most: int) -> None:
    if size > most:
        raise HttpProblem(413, f"The body may have up to {most} bytes.", close=True)


async def _send_for_body(request: web.BaseRequest) -> None:
    if request.headers.get(hdrs.EXPECT, "").lower() == "100-continue" and request.version >= HttpVersion11:
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # the answer itself has not begun
