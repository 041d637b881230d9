"""E-mail: one mail for each event and recipient, delivered once the mail server has taken it."""

import asyncio
import contextlib
import ipaddress
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Self

import structlog
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field, FilePath, SecretStr, model_validator

from relay.channels.email.errors import MailError, Stage, failed
from relay.channels.email.messages import Mailbox, address, ambiguity, compose, mailbox
from relay.channels.email.session import Server, Session, Timeouts
from relay.configfile.validation import spelled
from relay.domain.deliveries import Limit, Notification, Receipt
from relay.policy.presentation import MAILED_EVENTS, OWNER

log = structlog.get_logger(__name__)

MAX_RECIPIENTS = 20
SUBMISSIONS = 465  # the port of `tls: tls` (RFC 8314 §3.3)
SIZE = 4  # connections
MAILBOX = BeforeValidator(lambda raw: mailbox(raw) if isinstance(raw, str) else raw, json_schema_input_type=str)
TIMEOUTS = Timeouts()


class EmailSettings(BaseModel):
    """`channels.email` in the configuration."""

    retired: ClassVar[Mapping[str, str]] = {"thread": "removed; all mails about one run are one conversation"}

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    host: Annotated[str, spelled(r"[A-Za-z0-9._:-]{1,253}", "the mail server's name, such as smtp.example.com")]
    port: Annotated[int, Field(ge=1, le=65_535)] = 587
    tls: Literal["starttls", "tls", "none"] = "starttls"
    ca_file: FilePath | None = None  # an authority beside those the system knows
    username: str = ""
    password: SecretStr = SecretStr("")
    sender: Annotated[Mailbox, MAILBOX, Field(validation_alias=AliasChoices("from"))]
    reply_to: Annotated[Mailbox, MAILBOX] | None = None

    @model_validator(mode="before")
    @classmethod
    def _usual_port(cls, raw: Any) -> Any:
        if isinstance(raw, Mapping) and raw.get("tls") == "tls":
            return {"port": SUBMISSIONS, **raw}
        return raw

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if bool(self.username) != bool(self.password.get_secret_value()):
            raise ValueError("expected username and password, or neither")
        if self.username and self.tls == "none" and not _is_loopback(self.host):
            raise ValueError("expected tls: starttls or tls; without it the password would travel in clear text")
        try:
            _context(self.ca_file)
        except OSError:
            raise ValueError(f"expected PEM certificates in ca_file, {self.ca_file}") from None
        return self


class Email:
    """The channel. More attempts at a time than `connections` wait for one."""

    Settings = EmailSettings
    title: ClassVar[str] = "Mail"
    modes: ClassVar[tuple[str, ...]] = ("each", "digest")
    calls: ClassVar[bool] = False  # a mail mentions no one: its reader has it
    default_events: ClassVar[frozenset[str]] = MAILED_EVENTS
    unsubscribes: ClassVar[bool] = True
    max_requested: ClassVar[int] = 10
    max_concurrency: ClassVar[int] = SIZE  # one connection each
    timeout: ClassVar[float] = 600.0  # more than `Timeouts.submit` and `reply`: only here is it known what had left

    def __init__(self, settings: EmailSettings, *, timeouts: Timeouts = TIMEOUTS, connections: int = SIZE) -> None:
        login = (settings.username, settings.password.get_secret_value()) if settings.username else None
        context = _context(settings.ca_file) if settings.tls != "none" else None
        self._settings, self._timeouts = settings, timeouts
        self._server = Server(settings.host, settings.port, settings.tls, context, login)
        self._pool = Pool(self._server, timeouts, connections)
        self.aclose = self._pool.aclose

    @staticmethod
    def addresses(value: object) -> list[str]:
        """Read the recipients of a destination: one address or a list, `owner` for the event's; each gets a mail."""
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(recipient, str) for recipient in listed):
            raise ValueError("expected an e-mail address or a list of them")
        if not 1 <= len(listed) <= MAX_RECIPIENTS:
            raise ValueError(f"expected 1 to {MAX_RECIPIENTS} addresses, found {len(listed)}; or use a mailing list")
        stripped = [recipient.strip(" ") for recipient in listed]
        return list(dict.fromkeys(name if name == OWNER else address(name) for name in stripped))

    @staticmethod
    def limits(*_: object) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
        """Return no limits: mail servers throttle by themselves."""
        return (), ()

    @classmethod
    def requested_address(cls, name: str, allowed: Iterable[str]) -> str:
        """Check the address; `allowed` are domains, without their subdomains."""
        try:
            [address] = cls.addresses([name])
        except ValueError:
            raise ValueError("not an e-mail address") from None
        if fault := ambiguity(address):
            raise ValueError(fault)
        if address.rpartition("@")[2].lower() not in {domain.lower() for domain in allowed}:
            raise ValueError("dynamic_destinations.email_domains does not list its domain")
        return address

    @staticmethod
    def reader_of(address: str) -> str:
        """Return the reader: mail for `a+b@example.com` comes to `a@example.com`."""
        local, _, domain = address.lower().rpartition("@")
        return f"{local.partition('+')[0] or local}@{domain}"

    async def send(self, notification: Notification) -> Receipt:
        mail = self._compose(notification)
        try:
            return Receipt(await self._submit(notification.address, mail))
        except MailError as error:
            reduced = self._compose(notification, html=False)
            if not error.too_large or len(reduced) == len(mail):
                raise
            log.warning("mail.reduced", delivery=notification.delivery, bytes=len(mail), why=str(error))
        return Receipt(await self._submit(notification.address, reduced))

    async def probe(self, _recipient: str) -> None:
        """Connect, encrypt, log in, and send no mail. Raises MailError."""
        async with self._pool.session(self._until(), fresh=True) as session:
            await session.probe(self._until())
            await session.quit()  # one more than the pool has room for

    async def check(self) -> str:
        """Describe how the mail server takes mail, without sending one."""
        await self.probe("")
        how = {"starttls": "STARTTLS", "tls": "TLS", "none": "no encryption"}[self._settings.tls]
        return f"{self._server} answers ({how}{', as ' if self._settings.username else ''}{self._settings.username})"

    async def _submit(self, recipient: str, mail: bytes) -> str:
        """Send the mail and return the server's answer."""
        sender, until, fresh = self._settings.sender.address, self._until(), False
        while True:
            async with self._pool.session(until, fresh=fresh) as session:
                try:
                    await session.begin(sender, recipient, len(mail), until)
                except MailError as error:
                    if error.permanent or not session.used:
                        raise
                    fresh = True  # it idled too long or carried too many mails, which servers say in many ways
                else:
                    return await session.submit(recipient, mail, until)

    def _compose(self, notification: Notification, *, html: bool = True) -> bytes:
        its = self._settings
        return compose(notification, its.sender, its.reply_to, html=html)

    def _until(self) -> float:
        return asyncio.get_running_loop().time() + self._timeouts.submit


class Pool:
    """Pool of at most `size` connections to one server, each used by one mail at a time."""

    def __init__(self, server: Server, timeouts: Timeouts, size: int) -> None:
        self._server, self._timeouts = server, timeouts
        self._free, self._closed = asyncio.Semaphore(size), False
        self._idle: dict[Session, asyncio.TimerHandle] = {}
        self._quitting: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def session(self, until: float, *, fresh: bool = False) -> AsyncIterator[Session]:
        """Lend a connection, kept afterwards if it is still usable. `fresh`: one that carried no mail yet."""
        try:
            async with asyncio.timeout_at(until):
                await self._free.acquire()
        except TimeoutError as error:
            raise failed(Stage.CONNECT, error, str(self._server)) from None
        try:
            session = (None if fresh else self._take_idle()) or Session(self._server, self._timeouts)
            try:
                if not session.used:
                    await session.open(until)
                yield session
            finally:
                self._put_back(session)
        finally:
            self._free.release()

    async def aclose(self) -> None:
        """Quit on every idle connection."""
        self._closed = True
        for session in [*self._idle]:
            self._retire(session)
        await asyncio.gather(*self._quitting)

    def _take_idle(self) -> Session | None:
        """Return the one used last, so that in quiet times the others expire."""
        while self._idle:
            session, timer = self._idle.popitem()
            timer.cancel()
            if session.usable:
                return session
            session.close()
        return None

    def _put_back(self, session: Session) -> None:
        if self._closed or not session.usable:
            session.close()
        else:
            session.used = True
            self._idle[session] = asyncio.get_running_loop().call_later(self._timeouts.idle, self._retire, session)

    def _retire(self, session: Session) -> None:
        self._idle.pop(session).cancel()
        task = asyncio.create_task(session.quit())
        self._quitting.add(task)
        task.add_done_callback(self._quitting.discard)


def _context(ca_file: Path | None) -> ssl.SSLContext:
    """Build a context that verifies certificates and host names, with TLS 1.2 or newer."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file:
        context.load_verify_locations(ca_file)
    return context


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"
