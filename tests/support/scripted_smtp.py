"""A mail server that does at each stage of the dialogue what a test tells it to, once per entry of its script.

    async with ScriptedSmtp(rcpt=["451 4.7.1 later"]) as server: …

answers the first RCPT so, and everything else as a good server would. Text is sent as a line, bytes as they are;
a 421 is followed by the end of the connection. A mail within another is refused. `outages` answer so each time, until
they are removed. `scripted` makes one for a `tls` mode of relay's configuration.
"""

import asyncio
import contextlib
import os
import socket
import ssl
import struct
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any, Self

from tests.support.certificates import Certificate
from tests.support.patience import patience


class Deed(Enum):
    """Record of what a server may do instead of answering."""

    SILENCE = "says nothing, ever"
    RST = "resets the connection"
    FIN = "ends the connection"
    CUT = "ends the connection, and over TLS without saying so"
    TAKEN = "takes the mail, and ends the connection without an answer"


Reply = str | bytes | Deed
SILENCE, RST, FIN, CUT, TAKEN = Deed

GOOD = {
    "banner": "220 mx.example.com ESMTP", "starttls": "220 2.0.0 go ahead", "auth": "235 2.7.0 welcome",
    "noop": "250 2.0.0 OK", "rset": "250 2.0.0 OK", "mail": "250 2.1.0 OK", "rcpt": "250 2.1.5 OK",
    "data": "354 go ahead", "dot": "250 2.0.0 OK queued as 4F00", "quit": "221 2.0.0 bye",
}  # fmt: skip
# Bytes that the system takes for a server that does not read. Unless it is told, it lets that grow with the pace of the
# first reads, to tens of megabytes: then a whole large mail may have left, and its end with it.
RECEIVE_BUFFER = 65_536
EXTENSIONS = ("SIZE 10000000", "AUTH PLAIN LOGIN", "ENHANCEDSTATUSCODES")


@dataclass(frozen=True)
class Taken:
    """A mail that was answered with 2xx, and its recipient as it came."""

    rcpt_to: str
    data: bytes


class ScriptedSmtp:
    """Stages: connect (before the greeting; in place of TLS, if that is implicit), banner, ehlo, starttls, handshake
    (in place of it), auth, mail, rcpt, data, body (after the first bytes of the mail), dot, noop, rset, quit."""

    def __init__(
        self, *, tls: ssl.SSLContext | None = None, implicit: bool = False,
        extensions: Iterable[str] = EXTENSIONS, **script: list[Reply],
    ) -> None:  # fmt: skip
        self.taken: list[Taken] = []
        self.commands: list[str] = []  # as they came, over all connections; the end of a mail is "."
        self.connections = 0
        self.settings: dict[str, Any] = {}  # of a client that wants to come in, beside the port
        self.outages: dict[str, Reply] = {}  # by stage; what the script says goes first
        self.port = 0
        self._tls = tls
        self._implicit = implicit
        self._extensions = [*extensions, "STARTTLS"] if tls and not implicit else list(extensions)
        self._script = defaultdict(deque[Reply], {stage: deque(replies) for stage, replies in script.items()})
        self._serving: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []
        self._heard = asyncio.Condition()

    async def __aenter__(self) -> Self:
        await self.listen()
        return self

    async def listen(self) -> None:
        """Take connections, after `refuse` on the same port."""
        at_once = self._tls if self._implicit and not self._script["connect"] else None
        listening = socket.create_server(("127.0.0.1", self.port))
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)  # what it accepts inherits that
        self._server = await asyncio.start_server(self._serve, sock=listening, ssl=at_once)
        self.port = int(self._server.sockets[0].getsockname()[1])

    def refuse(self) -> None:
        """Refuse new connections, and end those that there are."""
        self._server.close()
        self.disconnect()

    def disconnect(self) -> None:
        """End the connections that there are."""
        for writer in self._writers:
            writer.transport.abort()

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        for writer in self._writers:
            writer.transport.abort()  # over TLS, closing waits for a client that may have gone without a word

    def script(self, stage: str, *replies: Reply) -> None:
        """Return what is done at this stage the next times; afterwards it is a good server again."""
        self._script[stage].extend(replies)

    async def heard(self, command: str, times: int = 1) -> None:
        """Until this command has come that often."""
        async with asyncio.timeout(patience()), self._heard:
            await self._heard.wait_for(lambda: self.commands.count(command) >= times)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._serving.add(task)
        self._writers.append(writer)
        self.connections += 1
        try:
            with contextlib.suppress(OSError, EOFError, ssl.SSLError):
                await self._lead(reader, writer)
        finally:
            self._serving.discard(task)
            writer.close()

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        within, recipient = False, ""
        if reply := self._next("connect"):
            await self._do(reply, writer)
            if self._implicit:
                return
        await self._answer("banner", writer)
        while line := (await reader.readuntil(b"\r\n")).decode().rstrip("\r\n"):
            stage = line.split(" ")[0].lower()
            await self._hear(line)
            if stage == "mail" and within:  # RFC 5321 §4.1.4: only RSET, or the end of the mail, makes room for another
                await self._do("503 5.5.1 nested MAIL command", writer)
                continue
            if not await self._answer(stage, writer):
                continue
            match stage:
                case "starttls" if self._tls:
                    await self._encrypt(writer, self._tls)
                case "rset":
                    within = False
                case "mail":
                    within = True
                case "rcpt":
                    recipient = line.partition(":")[2]
                case "data":
                    await self._take(recipient, reader, writer)
                    within = False
                case "quit":
                    return

    async def _take(self, recipient: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The mail itself."""
        if reply := self._next("body"):
            await reader.readexactly(100)
            await self._do(reply, writer)
        data = await _mail(reader)
        await self._hear(".")
        if await self._answer("dot", writer):
            self.taken.append(Taken(recipient, data))

    async def _encrypt(self, writer: asyncio.StreamWriter, context: ssl.SSLContext) -> None:
        if reply := self._next("handshake"):
            await self._do(reply, writer)
            raise EOFError
        await writer.start_tls(context)

    async def _hear(self, command: str) -> None:
        async with self._heard:
            self.commands.append(command)
            self._heard.notify_all()

    async def _answer(self, stage: str, writer: asyncio.StreamWriter) -> bool:
        """True if the answer was a good one, so that the dialogue goes on."""
        good = GOOD.get(stage) or "\r\n".join(
            ["250-mx.example.com", *(f"250-{name}" for name in self._extensions), "250 HELP"]
        )
        reply = self._next(stage) or good
        await self._do(reply, writer)
        return reply in (good, TAKEN) or (isinstance(reply, bytes) and reply.startswith(f"{good}\r\n".encode()))

    def _next(self, stage: str) -> Reply | None:
        return self._script[stage].popleft() if self._script[stage] else self.outages.get(stage)

    async def _do(self, reply: Reply, writer: asyncio.StreamWriter) -> None:
        match reply:
            case Deed.SILENCE:
                await asyncio.Event().wait()
            case Deed.RST:  # which is what closing means for a socket that may not linger
                connection: socket.socket = writer.get_extra_info("socket")
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                raise EOFError
            case Deed.FIN:
                raise EOFError
            case Deed.CUT:  # below the transport, which would take its leave as TLS wants it
                with socket.socket(fileno=os.dup(writer.get_extra_info("socket").fileno())) as raw:
                    raw.shutdown(socket.SHUT_RDWR)
                raise EOFError
            case Deed.TAKEN:
                writer.close()
                return
            case str():
                writer.write(f"{reply}\r\n".encode())
            case bytes():
                writer.write(reply)
        await writer.drain()
        if isinstance(reply, str) and reply.startswith("421"):
            raise EOFError


def scripted(mode: str, certificate: Certificate, **script: Any) -> ScriptedSmtp:
    """A server for `tls: none`, `starttls` or `tls`, with the settings that a client of it needs."""
    encrypted = mode != "none"
    server = ScriptedSmtp(tls=certificate.context if encrypted else None, implicit=mode == "tls", **script)
    server.settings = {"tls": mode} | ({"ca_file": str(certificate.authority)} if encrypted else {})
    return server


async def _mail(reader: asyncio.StreamReader) -> bytes:
    """Everything up to the final dot, with the dots in front of lines removed again."""
    lines = []
    while (line := await reader.readuntil(b"\r\n")) != b".\r\n":
        lines.append(line.removeprefix(b"."))
    return b"".join(lines)
