"""One SMTP conversation, stage by stage, so that every failure says what has become of the mail.

Until the final dot has left, nothing was accepted: trying again is safe. After it, silence means that it may have
arrived. https://www.rfc-editor.org/rfc/rfc5321#section-4.5.3.2.6 asks for patience there, just for that reason.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Awaitable
from dataclasses import dataclass

import aiosmtplib
from aiosmtplib.errors import SMTPException, SMTPResponseException

from relay.errors import DeliveryError, Pause

OUTAGE = 15.0  # seconds until a mail server that cannot be reached is tried again
GREYLISTED = 60.0  # what a server that says "try later" means at least
CONFIGURATION = 60.0  # a wrong password will not get right sooner
MAX_REPLY = 300


@dataclass(frozen=True, slots=True)
class Failure:
    """What a refusal at one stage means."""

    pause: Pause = ""
    permanent: bool = False
    retry_after: float | None = None


# By stage and the first digit of the reply: 4 is "not now", 5 is "no". Other digits make no sense there.
ANSWERS: dict[tuple[str, int], Failure] = {
    ("connect", 4): Failure(pause="channel", retry_after=OUTAGE),
    ("connect", 5): Failure(pause="channel", retry_after=CONFIGURATION),
    ("ehlo", 4): Failure(pause="channel", retry_after=OUTAGE),
    ("ehlo", 5): Failure(pause="channel", retry_after=CONFIGURATION),
    ("starttls", 4): Failure(pause="channel", retry_after=OUTAGE),
    ("starttls", 5): Failure(pause="channel", retry_after=CONFIGURATION),
    ("auth", 4): Failure(pause="channel", retry_after=OUTAGE),
    ("auth", 5): Failure(pause="channel", retry_after=CONFIGURATION),
    ("mail", 4): Failure(retry_after=GREYLISTED),
    ("mail", 5): Failure(permanent=True),
    ("rcpt", 4): Failure(retry_after=GREYLISTED),
    ("rcpt", 5): Failure(permanent=True),
    ("data", 4): Failure(retry_after=GREYLISTED),
    ("data", 5): Failure(permanent=True),
    ("dot", 4): Failure(retry_after=GREYLISTED),
    ("dot", 5): Failure(permanent=True),
}
BROKEN_SESSION = {"connect", "ehlo", "starttls", "auth"}  # whatever goes wrong there goes wrong for every mail
SENDER_REFUSED = (530, 535, 550, 551, 553, 554)  # at MAIL these speak of us, not of the recipient


@dataclass(frozen=True, slots=True)
class Server:
    """Where the mail goes, and how to get in. Times are seconds."""

    host: str
    port: int
    tls: str  # starttls, tls or none
    username: str
    password: str
    timeout: float = 30.0
    dot_timeout: float = 300.0
    context: ssl.SSLContext | None = None


class Session:
    """One connection to the server, ready for the next mail."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._smtp = aiosmtplib.SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.tls == "tls",
            start_tls=False,  # done below, so that its failure is told apart
            timeout=server.timeout,
            tls_context=server.context,
        )
        self.used = False

    async def open(self) -> None:
        """Connect, greet, secure, authenticate. Never falls back to clear text."""
        server, smtp = self._server, self._smtp
        await self._stage("connect", smtp.connect())
        await self._stage("ehlo", smtp.ehlo())
        if server.tls == "starttls":
            if not smtp.supports_extension("starttls"):
                raise DeliveryError("the mail server offers no STARTTLS", pause="channel", retry_after=CONFIGURATION)
            await self._stage("starttls", smtp.starttls())
            await self._stage("ehlo", smtp.ehlo())
        if server.username:
            await self._stage("auth", smtp.login(server.username, server.password))

    @property
    def alive(self) -> bool:
        return self._smtp.is_connected

    @property
    def utf8(self) -> bool:
        return self._smtp.supports_extension("smtputf8")

    @property
    def size(self) -> int | None:
        """The largest mail the server takes, if it says so (RFC 1870)."""
        said = self._smtp.esmtp_extensions.get("size", "")
        return int(said) if said.isdigit() and int(said) else None

    async def fresh(self) -> bool:
        """Whether a reused connection still answers; servers end them with 421 or without a word."""
        if not self._smtp.is_connected:
            return False
        try:
            await self._smtp.rset()
        except (SMTPException, OSError, TimeoutError):
            return False
        return True

    async def send(self, sender: str, recipient: str, message: bytes, *, utf8: bool) -> str:
        """The server's reply to the whole mail. DeliveryError says what became of it."""
        self.used = True
        options = ["SMTPUTF8", "BODY=8BITMIME"] if utf8 else []
        await self._stage("mail", self._smtp.mail(sender, options=options))
        await self._stage("rcpt", self._smtp.rcpt(recipient))
        reply = await self._stage("data", self._smtp.execute_command(b"DATA"))
        if reply.code != 354:
            raise _refused("data", reply.code, reply.message)
        # From the moment the dot is on its way, only an answer can say that the mail was not taken.
        reply = await self._stage("dot", self._body(message))
        if reply.code // 100 != 2:
            raise _refused("dot", reply.code, reply.message)
        return f"{reply.code} {printable(reply.message)}"

    async def _body(self, message: bytes) -> aiosmtplib.SMTPResponse:
        """Write the whole mail and its final dot; the one reply says whether it was taken."""
        protocol = self._smtp.protocol
        if protocol is None:
            raise aiosmtplib.SMTPServerDisconnected("the connection was closed before the mail was sent")
        lines = re.sub(rb"\r\n|\r|\n", b"\r\n", message)
        stuffed = re.sub(rb"(?m)^\.", b"..", lines)
        protocol.write(stuffed + (b"" if stuffed.endswith(b"\r\n") else b"\r\n") + b".\r\n")
        return await protocol.read_response(timeout=self._server.dot_timeout)

    async def close(self) -> None:
        """Leave politely, if the server still listens; it has everything already."""
        with contextlib.suppress(SMTPException, OSError, TimeoutError):
            if self._smtp.is_connected:
                async with asyncio.timeout(2.0):
                    await self._smtp.quit()
        self._smtp.close()

    async def _stage(self, stage: str, step: Awaitable[aiosmtplib.SMTPResponse]) -> aiosmtplib.SMTPResponse:
        try:
            return await step
        except SMTPResponseException as error:
            raise _refused(stage, error.code, str(error.message)) from None
        except ssl.SSLError as error:
            raise DeliveryError(f"TLS failed: {error.reason}", pause="channel", retry_after=CONFIGURATION) from None
        except (SMTPException, OSError, TimeoutError, EOFError, ValueError) as error:
            raise _broken(stage, error) from None


def _refused(stage: str, code: int, text: str) -> DeliveryError:
    said = f"{stage.upper()}: {code} {printable(text)}"
    if code == 421:
        return DeliveryError(said, pause="channel", retry_after=OUTAGE)
    if stage == "mail" and code in SENDER_REFUSED:
        return DeliveryError(said, pause="channel", retry_after=CONFIGURATION)
    failure = ANSWERS.get((stage, code // 100))
    if failure is None:  # an answer that makes no sense says nothing about the mail
        return DeliveryError(f"{said} (not understood)", outcome_unknown=stage == "dot")
    return DeliveryError(said, permanent=failure.permanent, pause=failure.pause, retry_after=failure.retry_after)


def _broken(stage: str, error: Exception) -> DeliveryError:
    said = f"{stage.upper()}: {printable(str(error)) or type(error).__name__}"
    if stage in BROKEN_SESSION:
        return DeliveryError(said, pause="channel", retry_after=OUTAGE)
    return DeliveryError(said, outcome_unknown=stage == "dot")


def printable(text: str) -> str:
    """A server's words, short, and without what would steer a terminal or a log."""
    line = " ".join(text.split())
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in line)[:MAX_REPLY]
