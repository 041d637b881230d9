"""Session with a mail server, command by command, because the stage of a failure decides what it means.

The library's own `sendmail` raises the same error before the final dot, "not sent", and after it, "perhaps sent". So
the dot is held back here until everything else has left.
"""

import asyncio
import contextlib
import ssl
from base64 import b64encode
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import cast

from aiosmtplib import SMTP, SMTPException, SMTPNotSupported, SMTPResponseException, SMTPServerDisconnected
from aiosmtplib.protocol import SMTPProtocol

from relay.channels.email.errors import MailError, Stage, failed, one_line

MECHANISMS = {"plain": SMTP.auth_plain, "login": SMTP.auth_login, "cram-md5": SMTP.auth_crammd5}  # the first offered
LOOK = 0.01  # seconds between two looks at a mail that the system has not taken at once, as large ones
FAREWELL = 2.0  # seconds that a server has to answer QUIT


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds. RFC 5321 §4.5.3.2.6 wants patience after the final dot: giving up there makes doubles."""

    command: float = 30.0  # to connect, and for the answer to each command
    submit: float = 240.0  # from wanting a connection until the whole mail has left
    reply: float = 300.0  # for the answer to the final dot
    idle: float = 60.0  # that a connection is kept without a mail


@dataclass(frozen=True, slots=True)
class Server:
    """Mail server with its TLS and login. `context` is for both kinds of TLS; `login` is a name and a password."""

    host: str
    port: int
    tls: str  # starttls | tls | none
    context: ssl.SSLContext | None
    login: tuple[str, str] | None = field(repr=False)

    def __str__(self) -> str:
        return f"mail server {self.host}:{self.port}"


class Session:
    """Session over one connection. Its methods raise MailError alone; `until` is a time of the loop's clock."""

    def __init__(self, server: Server, timeouts: Timeouts) -> None:
        self._server = server
        self._timeouts = timeouts
        self._client = SMTP(
            hostname=server.host,
            port=server.port,
            timeout=timeouts.command,
            start_tls=False,  # done here, where its failure has a name
            tls_context=server.context,
            local_hostname="localhost",  # never sent; without one the library would ask the name service
        )
        self._wire, self._stage = Wire(), Stage.CONNECT
        self._settled = False  # no mail is half sent, and no answer outstanding
        self._refused = False  # the last mail was, and its transaction is still open
        self.used = False

    @property
    def usable(self) -> bool:
        """Return whether another mail may be sent."""
        return self._settled and self._client.is_connected

    async def open(self, until: float) -> None:
        """Connect, encrypt and log in."""
        async with self._dialogue(until):
            await self._connect()
            await self._hello()
            if self._server.tls == "starttls":
                await self._encrypt()
            if self._server.login:
                await self._log_in(*self._server.login)
            self._settled = True

    async def probe(self, until: float) -> None:
        """Ask whether it is still there. After a time-out the next answer would be this one's."""
        self._settled = False
        async with self._dialogue(until):
            await self._command(Stage.NOOP, "NOOP")
        self._settled = True

    async def begin(self, sender: str, recipient: str, size: int, until: float) -> None:
        """Send MAIL, the last command at which nothing but the size can be the recipient's or the mail's fault."""
        parameters = [f"SIZE={size}"] if self._client.supports_extension("size") else []
        if not recipient.isascii():
            if not self._client.supports_extension("smtputf8"):
                lack = (
                    f"{self._server} does not offer SMTPUTF8, which {recipient} needs: use an address of ASCII letters"
                )
                raise MailError(lack, Stage.MAIL, {"permanent": True})
            parameters.append("SMTPUTF8")
        self._settled = False
        async with self._dialogue(until):
            if self._refused:
                await self._command(Stage.RSET, "RSET")
                self._refused = False
            await self._command(Stage.MAIL, f"MAIL FROM:<{sender}>", *parameters)

    async def submit(self, recipient: str, mail: bytes, until: float) -> str:
        """Send RCPT, DATA, the mail and the dot; return the server's last reply."""
        async with self._dialogue(until):
            await self._command(Stage.RCPT, f"RCPT TO:<{recipient}>")
            await self._command(Stage.DATA, "DATA", expected=3)
            self._wire.write(mail.replace(b"\r\n.", b"\r\n.."))  # RFC 5321 §4.5.2
            async with asyncio.timeout(self._timeouts.command):
                await self._wire.drained()
        async with self._dialogue():
            code, message = await self._finish()
        self._settled = True
        return one_line(code, message)

    async def quit(self) -> None:
        """Quit, whatever the server answers."""
        try:
            with contextlib.suppress(SMTPException, OSError):
                await self._client.quit(timeout=min(FAREWELL, self._timeouts.command))
        finally:
            self.close()

    def close(self) -> None:
        """Close at once: what has not left by now never will."""
        self._wire.abort()
        self._client.close()

    async def _connect(self) -> None:
        """Connect in the library's place, which keeps the socket's transport to itself."""
        context = self._server.context if self._server.tls == "tls" else None
        async with asyncio.timeout(self._timeouts.command):
            await self._wire.open(self._server.host, self._server.port, context)
            self._client.protocol, self._client.transport = self._wire, self._wire.transport
            code, message = await self._wire.read_response()
        if code != 220:
            raise SMTPResponseException(code, message)

    async def _hello(self) -> None:
        """Send EHLO with our address, as RFC 5321 §4.1.4 has it for hosts that do not know their own name."""
        self._stage = Stage.EHLO
        host = str(self._client.get_transport_info("sockname")[0]).partition("%")[0]
        await self._client.ehlo(hostname=f"[IPv6:{host}]" if ":" in host else f"[{host}]")

    async def _encrypt(self) -> None:
        self._stage = Stage.STARTTLS
        if not self._client.supports_extension("starttls"):
            raise SMTPNotSupported("it does not offer it")
        await self._client.starttls()
        await self._hello()  # what it offered in clear text does not count

    async def _log_in(self, username: str, password: str) -> None:
        """Log in once, by one mechanism: trying them all with a wrong password would lock the account."""
        self._stage = Stage.AUTH
        authenticate = next((MECHANISMS[name] for name in MECHANISMS if name in self._client.server_auth_methods), None)
        if authenticate is None:
            raise SMTPNotSupported(f"it offers none of {', '.join(MECHANISMS).upper()}")
        try:
            await authenticate(self._client, username, password)
        except SMTPResponseException as error:
            message = error.message
            for secret in (password, f"\0{username}\0{password}"):  # a server may repeat it, and we may not
                message = message.replace(secret, "…").replace(b64encode(secret.encode()).decode(), "…")
            raise SMTPResponseException(error.code, message) from None

    async def _finish(self) -> tuple[int, str]:
        self._wire.write(b".\r\n")
        if not self._wire.is_connected:  # the system did not take even that
            raise SMTPServerDisconnected("Connection lost")
        # A crash from here on leaves a mail that may have arrived.
        self._stage = Stage.DOT
        return _expect(2, *await self._wire.read_response(timeout=self._timeouts.reply))

    async def _command(self, stage: Stage, *words: str, expected: int = 2) -> None:
        self._stage = stage
        _expect(expected, *await self._client.execute_command(*(word.encode() for word in words)))

    @contextlib.asynccontextmanager
    async def _dialogue(self, until: float | None = None) -> AsyncIterator[None]:
        """Limit a part of the dialogue to `until`, and raise its errors as MailError of their stage."""
        try:
            async with asyncio.timeout_at(until):
                yield
        except (SMTPException, OSError, ValueError) as error:
            verdict, of_mail = failed(self._stage, error, str(self._server)), (Stage.RCPT, Stage.DATA, Stage.DOT)
            # A proper refusal of this mail leaves a connection that is good for the next one.
            self._settled = self._refused = 400 <= verdict.code < 600 and verdict.code != 421 and self._stage in of_mail
            raise verdict from None


def _expect(kind: int, code: int, message: str) -> tuple[int, str]:
    if code // 100 != kind:
        raise SMTPResponseException(code, message)
    return code, message


class Wire(SMTPProtocol):
    """Protocol that knows what has left: a mail whose final dot was not handed to the system cannot have arrived.

    Over TLS `drain()` returns while megabytes wait below, so the transport below is made here, kept, and asked.
    """

    def __init__(self) -> None:
        super().__init__(asyncio.get_running_loop())
        self._below: asyncio.Transport | None = None  # the socket's
        self._ended = False  # by the server

    @property
    def is_connected(self) -> bool:
        """Return False once nothing written could leave; only the transport below knows of a reset at once."""
        return super().is_connected and not self._ended and not (self._below and self._below.is_closing())

    async def open(self, host: str, port: int, context: ssl.SSLContext | None) -> None:
        """Connect, with TLS from the first byte on if there is a context. Raises OSError."""
        loop = asyncio.get_running_loop()
        if context is None:
            self._below, _ = await loop.create_connection(lambda: self, host, port)
            return
        # A plain protocol until TLS is up: what comes in clear text before that is not the server's greeting.
        self._below, _ = await loop.create_connection(asyncio.Protocol, host, port)
        if self._below.is_closing():  # asyncio would wait for a handshake until the time is up
            raise SMTPServerDisconnected("Connection lost")
        self.connection_made(self._below)  # now, since the greeting may come together with the end of the handshake
        self.transport = await loop.start_tls(self._below, self, context, server_hostname=host)

    async def drained(self) -> None:
        """Wait until the system has all that was written. SMTPServerDisconnected if it never will."""
        while self.is_connected and self._held():  # noqa: ASYNC110 - an empty transport below calls nothing
            await asyncio.sleep(LOOK)
        if not self.is_connected:
            raise SMTPServerDisconnected("Connection lost")

    def abort(self) -> None:
        """Close at once: what has not left by now never will."""
        if self._below:
            self._below.abort()

    def eof_received(self) -> bool:
        self._ended = True
        return super().eof_received()

    def _held(self) -> int:
        """Count the bytes that have not left, encrypted or not yet."""
        transports = {self._below, cast("asyncio.Transport | None", self.transport)}
        return sum(transport.get_write_buffer_size() for transport in transports if transport)
