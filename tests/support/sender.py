"""A platform that sends webhooks: it signs as it should, and every knob spoils one thing."""

import asyncio
import json
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from relay.receiving.signatures import sign
from tests.support.clock import Clock
from tests.support.patience import patience

SECRET = "kFv8-the-secret-of-the-platform"


@dataclass(frozen=True)
class Reply:
    """Record of what came back. `status` 0: the connection was closed without an answer."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)  # lower-case names
    body: bytes = b""

    @property
    def document(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.body)
        return document


@dataclass
class Sender:
    """Sends to one source. `url` is the whole address, `clock` what signatures are dated by."""

    url: str
    secret: str = SECRET
    scheme: str = "hmac-sha256"
    header: str | None = None
    clock: Callable[[], float] = field(default_factory=Clock)

    async def post(
        self,
        event: Mapping[str, Any] | bytes,
        *,
        signed: bool = True,
        secret: str | None = None,
        age: float = 0.0,
        tamper: Callable[[bytes], bytes] = lambda body: body,
        twice: bool = False,
        delivery_id: str = "",
        token: str | None = None,
        content_type: str | None = "application/json",
        headers: Iterable[tuple[str, str]] = (),
        method: str = "POST",
    ) -> Reply:
        """Send one event and return the answer.

        signed=False      without a signature
        secret            signed by another secret
        age               signed that many seconds ago
        tamper            what happens to the body after it was signed
        twice             the signature headers come a second time
        token             as ?token=, with signed=False
        content_type      None: without the header
        """
        body = event if isinstance(event, bytes) else json.dumps(event).encode()
        signature = self.sign(body, secret=secret, age=age, message_id=delivery_id) if signed else {}
        sent = [*signature.items(), *(signature.items() if twice else ()), *headers]
        if delivery_id and "webhook-id" not in signature:
            sent.append(("webhook-id", delivery_id))
        if content_type is not None:
            sent.append(("Content-Type", content_type))
        async with (
            aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(patience()), skip_auto_headers=["Content-Type"]
            ) as client,
            client.request(
                method,
                self.url,
                data=tamper(body),
                headers=sent,
                params={"token": token} if token is not None else None,
                allow_redirects=False,
            ) as response,
        ):
            lower = {name.lower(): value for name, value in response.headers.items()}
            return Reply(response.status, lower, await response.read())

    def sign(self, body: bytes, *, secret: str | None = None, age: float = 0.0, message_id: str = "") -> dict[str, str]:
        return sign(
            self.scheme, body, (secret or self.secret).encode(), header=self.header, message_id=message_id or "msg-1",
            timestamp=self.clock() - age,
        )  # fmt: skip

    def raw(self, body: bytes, headers: Mapping[str, str] | None = None) -> bytes:
        """A signed request as it goes over the wire; `headers` replace and add, an empty value leaves one out."""
        url = urlsplit(self.url)
        lines = {"Host": url.netloc, "Content-Type": "application/json", "Content-Length": f"{len(body)}"}
        lines |= self.sign(body) | dict(headers or {})
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items() if value)
        return f"POST {url.path} HTTP/1.1\r\n{head}\r\n".encode() + body

    async def exchange(
        self, *pieces: bytes | AsyncIterable[bytes], whole: bool = False, bodiless: bool = False
    ) -> Reply:
        """Send these bytes over a connection of their own, and return the answer as soon as it is there.

        A piece may come slowly, or never end. With `whole`, wait until the server closes the connection,
        and let the body be everything that came. The answer to HEAD is `bodiless`.
        """
        url = urlsplit(self.url)
        async with asyncio.timeout(patience()):
            reader, writer = await asyncio.open_connection(url.hostname, url.port)
            sending = asyncio.create_task(_send(writer, pieces))
            try:
                return await (_read_whole(reader) if whole else read_reply(reader, bodiless=bodiless))
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)
                writer.transport.abort()


async def read_reply(reader: asyncio.StreamReader, *, bodiless: bool = False) -> Reply:
    """The next answer on a connection."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        while head.split(b" ", 2)[1].startswith(b"1"):  # 100 Continue
            head = await reader.readuntil(b"\r\n\r\n")
        status, headers = _parse(head)
        length = 0 if bodiless else int(headers.get("content-length", 0))
        return Reply(status, headers, await reader.readexactly(length))
    except (asyncio.IncompleteReadError, ConnectionError):
        return Reply(0)


async def slowly(data: bytes, step: int = 1, pause: float = 0.02) -> AsyncIterator[bytes]:
    """A sender that takes its time: `step` bytes every `pause` seconds."""
    for start in range(0, len(data), step or 1):
        yield data[start : start + step]
        await asyncio.sleep(pause)


async def endlessly(data: bytes) -> AsyncIterator[bytes]:
    while True:
        yield data
        await asyncio.sleep(0)


async def _send(writer: asyncio.StreamWriter, pieces: Iterable[bytes | AsyncIterable[bytes]]) -> None:
    for piece in pieces:
        async for data in slowly(piece, len(piece), 0) if isinstance(piece, bytes) else piece:
            writer.write(data)
            await writer.drain()


async def _read_whole(reader: asyncio.StreamReader) -> Reply:
    received = b""
    try:
        while data := await reader.read(65_536):
            received += data
    except ConnectionError:
        pass
    if not received:
        return Reply(0)
    status, headers = _parse(received.partition(b"\r\n\r\n")[0])
    return Reply(status, headers, received)


def _parse(head: bytes) -> tuple[int, dict[str, str]]:
    status, *lines = head.decode("latin-1").strip().split("\r\n")
    pairs = (line.partition(":") for line in lines)
    return int(status.split(" ")[1]), {name.lower(): value.strip() for name, _, value in pairs}
