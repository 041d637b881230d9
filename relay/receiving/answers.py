"""What a sender hears of its event: on most connections as bytes, which costs a third of aiohttp's way."""

from aiohttp import HttpVersion11, web
from aiohttp.helpers import rfc822_formatted_time

from relay.receiving.problems import HEADERS

PHRASES = {200: "OK", 202: "Accepted"}
JSON = "application/json; charset=utf-8"
_LINES = "".join(f"{name}: {value}\r\n" for name, value in (("Content-Type", JSON), *HEADERS.items()))


def answer(request: web.BaseRequest, status: int, body: bytes) -> web.StreamResponse:
    """JSON, with the headers of all of relay's answers."""
    if request.version == HttpVersion11 and request.keep_alive:
        return _Written(status, body)
    return web.Response(status=status, body=body, headers={"Content-Type": JSON})


def label(response: web.StreamResponse) -> web.StreamResponse:
    """With the headers of all of relay's answers."""
    if not isinstance(response, _Written):
        response.headers["Server"] = HEADERS["Server"]  # aiohttp would tell its version, and Python's
        for header, value in HEADERS.items():
            response.headers.setdefault(header, value)
    return response


class _Written(web.StreamResponse):
    """One text in one write, on a connection that stays open, or is closed after it (`force_close`)."""

    _keep_alive = True

    def __init__(self, status: int, body: bytes) -> None:
        """Nothing of aiohttp's is made: there are no headers to change."""
        self._status, self._whole = status, body

    async def prepare(self, request: web.BaseRequest) -> None:
        last = "" if self._keep_alive else "Connection: close\r\n"
        head = (
            f"HTTP/1.1 {self._status} {PHRASES[self._status]}\r\n{_LINES}Content-Length: {len(self._whole)}\r\n"
            f"Date: {rfc822_formatted_time()}\r\n{last}\r\n"
        )
        transport = request.transport
        if transport is None:
            raise ConnectionResetError("the sender hung up")
        transport.write(head.encode() + self._whole)
        await request.writer.drain()

    async def write_eof(self, data: bytes = b"") -> None:
        """All of it is written."""
