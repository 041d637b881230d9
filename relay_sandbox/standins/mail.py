"""A mail as it arrived at the inbox, and the row that the page shows of it."""

from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from typing import Any, cast

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
