"""The headers of all answers, and the answer to an event that is taken: made once, it goes out in one piece.

By `web.Response` that costs 6 % of what relay computes for an event (`python -m benchmarks.speed ingest`).
"""

import time
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus

from aiohttp import HttpVersion11, web

from relay.receiving.problems import HEADERS

LINES = "".join(
    f"{name}: {value}\r\n" for name, value in {"Content-Type": "application/json; charset=utf-8", **HEADERS}.items()
)


class Written(web.StreamResponse):
    """JSON as the answer to a request that is no HEAD. The connection stays open, unless the request says otherwise."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(status=status)
        self._whole = body
        self._open = True

    @property
    def keep_alive(self) -> bool:
        return self._open

    def force_close(self) -> None:
        self._open = False

    async def prepare(self, request: web.BaseRequest) -> None:
        if request.version < HttpVersion11 or not request.keep_alive:
            self._open = False
        head = _head(self.status, len(self._whole), int(time.time()), last=not self._open)
        await request.writer.write(head + self._whole)

    async def write_eof(self, _data: bytes = b"") -> None:
        """Write no more."""


async def label(_request: web.BaseRequest, response: web.StreamResponse) -> None:
    """Set the headers of all of relay's answers; on the operators' listener an `on_response_prepare` signal."""
    if response.headers.get("Server") != HEADERS["Server"]:
        response.headers["Server"] = HEADERS["Server"]  # aiohttp's has its version, and Python's
        for header, value in HEADERS.items():
            response.headers.setdefault(header, value)


@lru_cache(64)  # of this second
def _head(status: int, size: int, second: int, *, last: bool) -> bytes:
    lines = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{LINES}Content-Length: {size}\r\n"
    close = "Connection: close\r\n" if last else ""
    return f"{lines}Date: {formatdate(second, usegmt=True)}\r\n{close}\r\n".encode()
