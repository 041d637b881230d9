"""An inbox that runs here: a real mail server that keeps what arrives, and a page that shows it.

`relay demo` shows it to people; tests script its refusals. It keeps everything in memory and listens on loopback.
"""

import asyncio
import email.policy
import html
import weakref
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self, cast

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

PAGE = Path(__file__).with_name("inbox_page.html")
KEPT = 10_000
MAX_MAIL = 10 * 1024**2
SHOWN_HEADERS = ("From", "To", "Subject", "Date", "Message-ID", "References", "In-Reply-To", "Reply-To", "List-Id",
                 "Auto-Submitted", "X-Auto-Response-Suppress", "Content-Language")  # fmt: skip


@dataclass(frozen=True)
class Mail:
    """One mail as it arrived, for one recipient."""

    recipient: str
    raw: bytes
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "")

    @property
    def id(self) -> str:
        return str(self.message["Message-ID"] or "")

    @property
    def text(self) -> str:
        return self._part("plain")

    @property
    def html(self) -> str:
        return self._part("html")

    def _part(self, kind: str) -> str:
        part = self.message.get_body(preferencelist=(kind,))
        return cast("EmailMessage", part).get_content() if part else ""


class Inbox:
    """`async with Inbox() as inbox`, and point relay's `channels.email` at `inbox.smtp_port` with `tls: none`."""

    def __init__(self) -> None:
        self.mails: deque[Mail] = deque(maxlen=KEPT)
        self.url = ""
        self.smtp_port = 0
        self._answers: dict[str, deque[str]] = defaultdict(deque)
        self._changed = asyncio.Condition()
        self._server: asyncio.Server | None = None
        self._connections: weakref.WeakSet[SMTP] = weakref.WeakSet()
        self._runner: web.AppRunner | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0, smtp_port: int = 0) -> None:
        """Serve until `stop`; port 0 takes a free one."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, host, smtp_port)
        self.smtp_port = self._server.sockets[0].getsockname()[1]
        app = web.Application()
        app.router.add_get("/", self._page)
        app.router.add_get("/mails.json", self._list)
        app.router.add_get("/mails/{number:[0-9]{1,9}}.html", self._html)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()
        self.url = f"http://{host}:{self._runner.addresses[0][1]}/"

    async def stop(self) -> None:
        """Leave at once, whoever is still connected."""
        if self._server:
            self._server.close()
        for connection in self._connections:
            if connection.transport:
                connection.transport.close()
        if self._runner:
            await self._runner.cleanup()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    def answer(self, recipient: str, *replies: str) -> None:
        """The next RCPTs for this recipient get these replies; afterwards it is taken again."""
        self._answers[recipient].extend(replies)

    async def wait_for(self, predicate: Callable[[], bool], timeout: float = 10.0) -> None:  # noqa: ASYNC109
        """Return once the predicate holds, looked at after every mail. Raises TimeoutError."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(predicate)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if self._answers[address]:
            reply = self._answers[address].popleft()
            if not reply.startswith("2"):
                return reply
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        raw = envelope.original_content or b""
        message = email.message_from_bytes(raw, policy=email.policy.default)
        async with self._changed:
            self.mails.extend(Mail(recipient, raw, message) for recipient in envelope.rcpt_tos)
            self._changed.notify_all()
        return f"250 2.0.0 OK queued as {len(self.mails)}"

    def _connection(self) -> SMTP:
        connection = SMTP(self, hostname="inbox.example", enable_SMTPUTF8=True, data_size_limit=MAX_MAIL)
        self._connections.add(connection)
        return connection

    async def _page(self, _request: web.Request) -> web.Response:
        return web.Response(text=PAGE.read_text("utf-8"), content_type="text/html")

    async def _list(self, _request: web.Request) -> web.Response:
        return web.json_response({"mails": [_shown(number, mail) for number, mail in enumerate(self.mails)]})

    async def _html(self, request: web.Request) -> web.Response:
        """A mail's HTML, as a mail client shows it: no scripts, nothing from outside, links in a tab of their own."""
        number = int(request.match_info["number"])
        if number >= len(self.mails):
            raise web.HTTPNotFound
        mail = self.mails[number]
        page = mail.html or f"<pre>{html.escape(mail.text)}</pre>"
        return web.Response(
            text=page.replace("<head>", '<head><base target="_blank">', 1),
            content_type="text/html",
            headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:"},
        )


def _shown(number: int, mail: Mail) -> dict[str, Any]:
    return {
        "number": number,
        "to": mail.recipient,
        "from": str(mail.message["From"] or ""),
        "subject": mail.subject,
        "date": str(mail.message["Date"] or ""),
        "text": mail.text,
        "headers": [[name, str(mail.message[name])] for name in SHOWN_HEADERS if mail.message[name]],
    }
