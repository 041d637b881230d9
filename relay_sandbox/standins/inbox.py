"""An inbox that runs here: a real mail server that keeps what arrives, and a page that shows it."""

import asyncio
import email.policy
import re
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from html import escape
from pathlib import Path
from typing import Any, cast

from aiohttp import web
from aiosmtpd.smtp import SMTP, Envelope, Session

from relay_sandbox.standins.page_server import PageServer, news

SNIPPET = 140  # characters


@dataclass(frozen=True)
class Mail:
    """One mail as it arrived, for one recipient; numbers count from 1 and are never used again."""

    number: int
    recipient: str
    raw: bytes
    message: EmailMessage
    received_at: datetime

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
        return str(cast("EmailMessage", part).get_content()) if part else ""


def summary_of(mail: Mail) -> dict[str, Any]:
    text = " ".join(mail.text.split())
    return {
        "number": mail.number,
        "to": mail.recipient,
        "from": str(mail.message["From"] or ""),
        "subject": mail.subject,
        "received": mail.received_at.isoformat(),
        "snippet": text if len(text) <= SNIPPET else f"{text[: SNIPPET - 1]}…",
        "html": bool(mail.html),
    }


PAGE = Path(__file__).with_name("inbox_page.html")
MAX_MAILS = 10_000
SHOWN_MAILS = 500  # of them, the newest ones, on the page
MAX_MAIL = 10 * 1024**2
# As a careful mail client shows it: no scripts, nothing from outside, links in a window of their own.
HTML_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; "
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; frame-ancestors 'self'"
)


class Inbox(PageServer):
    """`async with Inbox() as inbox`, and point relay's `channels.email` at `inbox.smtp_port` with `tls: none`."""

    def __init__(self) -> None:
        super().__init__()
        self.mails: deque[Mail] = deque(maxlen=MAX_MAILS)
        self.refused: deque[tuple[str, str]] = deque(maxlen=MAX_MAILS)  # recipient and reply
        self.url = ""
        self.smtp_port = 0
        self._arrived = 0
        self._answers: dict[str, deque[str]] = defaultdict(deque)
        self._connections: set[SMTP] = set()
        self._server: asyncio.Server | None = None

    async def start(self, host: str = "127.0.0.1", port: int = 0, smtp_port: int = 0) -> None:
        """Serve until `stop`; port 0 takes a free one."""
        self._server = await asyncio.get_running_loop().create_server(self._connection, host, smtp_port)
        self.smtp_port = self._server.sockets[0].getsockname()[1]
        app = web.Application()
        app.router.add_get("/mails.json", self._list)
        app.router.add_get(r"/mails/{number:\d{1,9}}.json", self._details)
        app.router.add_get(r"/mails/{number:\d{1,9}}.html", self._html)
        self.url = await self._serve(app, lambda: PAGE.read_text("utf-8"), host, port)

    async def stop(self) -> None:
        if self._server:
            self._server.close()
            for connection in self._connections:
                if connection.transport:
                    connection.transport.close()
        await super().stop()

    def answer(self, recipient: str, *replies: str) -> None:
        """The next RCPTs for this recipient get these replies; afterwards it is taken again."""
        self._answers[recipient].extend(replies)

    async def handle_RCPT(  # noqa: N802 - aiosmtpd calls it so
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        reply = self._answers[address].popleft() if self._answers[address] else "250 2.1.5 OK"
        if reply.startswith("2"):
            envelope.rcpt_tos.append(address)
            return reply
        async with self._changed:
            self.refused.append((address, reply))
            self._changed.notify_all()
        return reply

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        raw = envelope.original_content or b""
        message = email.message_from_bytes(raw, policy=email.policy.default)
        async with self._changed:
            for recipient in envelope.rcpt_tos:
                self._arrived += 1
                self.mails.append(Mail(self._arrived, recipient, raw, message, datetime.now(UTC)))
            self._changed.notify_all()
        return f"250 2.0.0 OK queued as {self._arrived}"

    def _connection(self) -> SMTP:
        connection = _Connection(self, hostname="inbox.example", enable_SMTPUTF8=True, data_size_limit=MAX_MAIL,
                                 loop=asyncio.get_running_loop())  # fmt: skip
        connection.open = self._connections
        return connection

    async def _list(self, request: web.Request) -> web.Response:
        """List the mails of the page, newest first."""
        newest = list(self.mails)[: -SHOWN_MAILS - 1 : -1]
        return news(
            request, self._arrived, lambda: {"count": len(self.mails), "mails": [summary_of(mail) for mail in newest]}
        )

    async def _details(self, request: web.Request) -> web.Response:
        mail = self._mail(request)
        headers = [[name, re.sub(r"\s*\r?\n\s*", " ", str(value))] for name, value in mail.message.items()]
        source = mail.raw.decode("utf-8", "replace")
        return web.json_response(summary_of(mail) | {"text": mail.text, "headers": headers, "source": source})

    async def _html(self, request: web.Request) -> web.Response:
        mail = self._mail(request)
        html = mail.html or f"<!doctype html><title>{escape(mail.subject)}</title><pre>{escape(mail.text)}</pre>"
        html = re.sub(r"<head[^>]*>", r'\g<0><base target="_blank">', html, count=1, flags=re.IGNORECASE)
        policy = {"Content-Security-Policy": HTML_POLICY, "Referrer-Policy": "no-referrer"}
        return web.Response(text=html, content_type="text/html", headers=policy)

    def _mail(self, request: web.Request) -> Mail:
        number = int(request.match_info["number"])
        for mail in self.mails:
            if mail.number == number:
                return mail
        raise web.HTTPNotFound


class _Connection(SMTP):
    """One that can be closed with the inbox, while it lasts."""

    open: set[SMTP]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self.open.discard(self)
        super().connection_lost(error)
