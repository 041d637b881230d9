"""E-mail: one mail per recipient, over a few connections that are kept."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from email.headerregistry import Address
from email.utils import parseaddr
from typing import ClassVar, Literal

import email_validator
from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from relay.channels.mail import build, encode
from relay.channels.smtp import Server, Session
from relay.deliveries import Limit, Notification, Receipt
from relay.errors import DeliveryError

MAX_RECIPIENTS = 20
CONNECTIONS = 4
IDLE = 60.0  # seconds that an unused connection is kept; servers close theirs after minutes


class EmailSettings(BaseModel):
    """`channels.email` in the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True, hide_input_in_errors=True)

    host: str = Field(min_length=1)
    port: int = Field(default=587, ge=1, le=65535)
    tls: Literal["starttls", "tls", "none"] = "starttls"
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: str = Field(alias="from")
    reply_to: str = ""

    @field_validator("sender")
    @classmethod
    def _one_sender(cls, written: str) -> str:
        name, address = parseaddr(written)
        checked(address)
        Address(display_name=name, addr_spec=address)
        return written

    @field_validator("reply_to")
    @classmethod
    def _one_address(cls, written: str) -> str:
        return checked(written) if written else ""


class Email:
    """Sends through one mail server."""

    Settings: ClassVar = EmailSettings
    modes: ClassVar = ("each",)
    timeout: ClassVar = 420.0  # the reply to a whole mail may take five minutes: RFC 5321, 4.5.3.2.6

    def __init__(
        self,
        settings: EmailSettings,
        *,
        command_timeout: float = 30.0,
        dot_timeout: float = 300.0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        name, address = parseaddr(settings.sender)
        self._sender = Address(display_name=name, addr_spec=address)
        self._settings = settings
        self._server = Server(
            settings.host,
            settings.port,
            settings.tls,
            settings.username,
            settings.password.get_secret_value(),
            command_timeout,
            dot_timeout,
            context,
        )
        self._slots = asyncio.Semaphore(CONNECTIONS)
        self._idle: list[tuple[float, Session]] = []

    @staticmethod
    def addresses(value: object) -> list[str]:
        """One address, or a list of them."""
        written = value if isinstance(value, list) else [value]
        if not written or len(written) > MAX_RECIPIENTS:
            raise ValueError(f"expected 1 to {MAX_RECIPIENTS} addresses; a mailing list reaches more people")
        return list(dict.fromkeys(checked(one) for one in written))

    @staticmethod
    def limits(_address: str) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        """None: a mail server that has enough says so, with a 4xx."""
        return (), ()

    async def send(self, notification: Notification) -> Receipt:
        """One mail to `notification.address`. DeliveryError says what became of it."""
        async with self._slots, self._session() as session:
            mail, utf8 = self._encoded(notification, session)
            return Receipt(await session.send(self._sender.addr_spec, notification.address, mail, utf8=utf8))

    async def check(self) -> str:
        """Connect, secure, authenticate, and leave."""
        session = Session(self._server)
        try:
            await session.open()
        finally:
            await session.close()
        return f"{self._settings.host}:{self._settings.port} lets {self._sender.addr_spec} in"

    async def aclose(self) -> None:
        idle, self._idle = self._idle, []
        for _, session in idle:
            await session.close()

    def _encoded(self, notification: Notification, session: Session) -> tuple[bytes, bool]:
        utf8 = not notification.address.isascii() or not self._sender.addr_spec.isascii()
        if utf8 and not session.utf8:
            raise DeliveryError(f"the mail server cannot take {notification.address} (no SMTPUTF8)", permanent=True)
        mail = encode(build(notification, self._sender, self._settings.reply_to), utf8=utf8)
        if session.size and len(mail) > session.size:  # the text alone says the same
            mail = encode(build(notification, self._sender, self._settings.reply_to, html=False), utf8=utf8)
        return mail, utf8

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[Session]:
        """A connection that answers: a kept one, or a new one. Kept again only after a mail went through."""
        session = await self._kept() or Session(self._server)
        good = False
        try:
            if not session.used:
                await session.open()
            yield session
            good = True
        except DeliveryError as error:
            good = error.permanent or (not error.pause and not error.outcome_unknown and session.alive)
            raise
        finally:
            if good:
                self._idle.append((asyncio.get_running_loop().time(), session))
            else:
                await session.close()

    async def _kept(self) -> Session | None:
        """The connection used last, if it still answers. A dead one costs no attempt."""
        now = asyncio.get_running_loop().time()
        while self._idle:
            since, session = self._idle.pop()
            if now - since < IDLE and await session.fresh():
                return session
            await session.close()
        return None


def checked(written: object) -> str:
    """An address as it will be used; ValueError for anything but exactly one plain addr-spec."""
    if not isinstance(written, str):
        raise ValueError(f"expected an e-mail address, got {written!r}"[:120])  # noqa: TRY004 - pydantic wants this one
    try:
        valid = email_validator.validate_email(
            written, check_deliverability=False, allow_smtputf8=True, test_environment=True, globally_deliverable=False
        )
    except email_validator.EmailNotValidError as error:
        raise ValueError(f"{written!r:.100} is no e-mail address: {error}") from None
    return valid.normalized
