"""The settings an operator decides, as types, each with its default.

docs/configuration.md explains every key; `relay.config.loading` reads them from a file.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BaseModel, Field, PrivateAttr, SecretStr, model_validator

from relay.config.console import Console
from relay.config.people import Person, owner_email, owner_table
from relay.config.redis import Redis
from relay.configfile.validation import Days, Duration, Name, Section, Size, Url, one_or_more, spelled
from relay.domain.display import HEX, OF_SHAPES, WHITE, contrast, full, seen_on
from relay.domain.events import Event
from relay.domain.facts import Space
from relay.domain.jobs import FIELD
from relay.domain.links import PORT, LinkHosts, LinkTemplates
from relay.errors import Problem
from relay.platform.settings import REGISTERED, Platform
from relay.policy.destinations import Destination, DestinationOptions, Hours, Language
from relay.policy.matching import Matcher, Rule
from relay.policy.owners import Owners, Ownership, OwnerTable
from relay.policy.recipients import DynamicDestinations
from relay.policy.retry import RetryPolicy
from relay.policy.schedules import Timezone
from relay.policy.watchdog_settings import Watchdog, WatchdogOrOff
from relay.receiving.operators import IN_A_PROXY, Admin
from relay.receiving.peers import network
from relay.receiving.secret_strength import Secrets
from relay.receiving.sources import Callbacks, Source

HEARTBEAT = r"(https?://[\w.-]+(:\d{1,5})?(/[!-~]*)?)?"


def _heartbeat(url: SecretStr) -> SecretStr:
    """The address, unless it is none: it is a secret, so the fault does not repeat it."""
    if not re.fullmatch(HEARTBEAT, url.get_secret_value(), re.ASCII):
        raise ValueError("expected an address such as https://hc-ping.com/…, without a user or a password")
    return url


Heartbeat = Annotated[SecretStr, AfterValidator(_heartbeat)]
Network = Annotated[str, Field(max_length=64), AfterValidator(lambda text: network(text) and text)]


class Server(Section):
    """Listeners: one for the world, and apart from it (`admin`) one for operators. `public_url` is how the outside
    reaches it; `drain` are the seconds at the end in which it still takes events, but no longer calls itself ready."""

    retired: ClassVar[Mapping[str, str]] = {
        "max_body_memory": "removed; requests get a sixteenth of the memory that relay has, 32 MiB at most",
        "max_connections": "removed; of more than 800 connections the longest idle one is closed, and a reverse proxy "
        "limits those of one address",
        "tls": IN_A_PROXY,
    }

    host: str = "0.0.0.0"  # noqa: S104 - a webhook target is there to be reached
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    reuse_port: bool = False  # other relays on this machine listen on the same port (SO_REUSEPORT)
    public_url: Url = ""
    max_body: Annotated[Size, Field(ge=1024, le=64 * 2**20)] = 2**20
    trusted_proxies: Annotated[tuple[Network, ...], one_or_more, Field(max_length=100)] = ()
    admin: Admin = Admin()
    drain: Annotated[Duration, Field(le=20)] = 5.0  # a stop ends within 30 s, and what is being sent needs the rest

    @property
    def admin_port(self) -> int:
        """Return the port of the operators' listener: by default the next one; beside any free port, any free one."""
        return self.admin.port if self.admin.port is not None else self.port and self.port + 1


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("expected text of one line")
    return text


def _visible(colour: str) -> str:
    if colour and contrast(colour, WHITE) < OF_SHAPES:
        near = seen_on(WHITE, colour)
        raise ValueError(f"a button of {colour} is hardly seen on white; expected a darker one, for instance {near}")
    return full(colour) if colour else ""


Printable = AfterValidator(_printable)
HttpsUrl = Annotated[
    str,
    Field(max_length=500),
    # In ASCII, as a browser's address bar copies it: nothing in it can be unseen, or turn the writing round.
    spelled(rf"(https://[\w.-]+{PORT}(/[!#-&(-;=?-\[\]-~]*)?)?", "an address such as https://www.example.com/logo.png"),
]


class Brand(Section):
    """The sender that mails show. The reader's mail program loads the logo, so it lies in public."""

    retired: ClassVar[Mapping[str, str]] = {
        "subject_prefix": "removed; write it in `subject:` of templates of your own"
    }

    name: Annotated[str, Field(max_length=60), Printable] = ""
    logo: HttpsUrl = ""
    url: HttpsUrl = ""
    color: Annotated[
        str, spelled(rf"({HEX})?", "a colour such as #0B5CAD, in quotes: # begins a comment"), AfterValidator(_visible)
    ] = ""
    footer: Annotated[str, Field(max_length=300), Printable] = ""

    @model_validator(mode="after")
    def _named(self) -> Self:
        if self.logo and not self.name:
            raise ValueError("a logo needs the `name` beside it: it is read where pictures are not shown")
        return self


def _with_fields(template: str) -> str:
    rest = FIELD.sub("", template)
    if template and (rest == template or "{" in rest or "}" in rest):
        raise ValueError(
            "expected text with fields of the operation, for instance {operationType} {parameters.dataset}"
        )
    return template


JobTemplate = Annotated[str, Field(max_length=300), AfterValidator(_with_fields)]


MARK = 12  # hexadecimal digits


class Config(Section):
    """Everything an operator decides."""

    server: Server = Server()
    redis: Redis = Redis()
    secrets: Secrets = Field(default_factory=dict)  # the first signs links, buttons and sessions, any verifies
    data_dir: Path = Path("data")
    language: Language = "en"
    timezone: Timezone = "UTC"
    retention: Annotated[Days, Field(ge=604_800, le=31_536_000)] = 2_592_000.0  # after its outcome; its ids with it
    job: JobTemplate = ""
    templates: Path | None = None
    brand: Brand = Brand()
    console: Console = Console()
    platform: Platform = Platform()
    callbacks: Callbacks | None = None
    sources: Annotated[dict[Name, Source], Field(min_length=1)]  # those of `callbacks` too
    formats: dict[Name, Any] = Field(default_factory=dict)  # of foreign senders' documents (relay.formats)
    channels: dict[str, BaseModel] = Field(default_factory=dict)
    destinations: dict[str, Destination] = Field(default_factory=dict)
    dynamic_destinations: DynamicDestinations | None = None
    people: Annotated[
        dict[Annotated[str, Field(min_length=1, max_length=200)], Person],
        AfterValidator(lambda people: {login.casefold(): person for login, person in people.items()}),
    ] = Field(default_factory=dict)  # by the login that events name as their owner, in any case of letters
    owners: tuple[Ownership, ...] = ()  # by job, the first that fits; before what events say
    rules: tuple[Rule, ...]
    operators: Annotated[
        tuple[Name, ...], one_or_more, Field(max_length=20)
    ] = ()  # destinations: notified of relay's own trouble
    heartbeat: Heartbeat = SecretStr("")
    retry: RetryPolicy = RetryPolicy()
    quiet_hours: Hours = None
    watchdog: WatchdogOrOff = Watchdog()
    _warnings: tuple[Problem, ...] = PrivateAttr(())
    _digest: str = PrivateAttr("")
    _teams: dict[str, tuple[str, ...]] = PrivateAttr(default_factory=dict)

    @cached_property
    def signing_secrets(self) -> tuple[bytes, ...]:
        """Return the secrets of links, buttons and sessions: the one that signs, and those before it."""
        return tuple(secret.get_secret_value().encode() for secret in self.secrets.values())

    @cached_property
    def destination_defaults(self) -> DestinationOptions:
        """Return the options of a destination that does not say otherwise. Made once: every event asks for it."""
        return DestinationOptions(language=self.language, timezone=self.timezone, quiet_hours=self.quiet_hours)

    @cached_property
    def matcher(self) -> Matcher:
        return Matcher(self.rules)

    @cached_property
    def owner_table(self) -> OwnerTable:
        return owner_table(self.owners, self.people)

    def owners_of(self, event: Event) -> Owners | None:
        """Return the owners of the event's job by `owners`; None where it has none there."""
        return self.owner_table.of(event) if self.owners else None

    def owner_emails(self, event: Event) -> tuple[str, ...]:
        """Return where the owners of the event's job, else the owner that it states, get mails."""
        if owners := self.owners_of(event):
            return owners.emails
        email = owner_email(event, self.people, self.sources.get(event.source)) if self.people else ""
        return (email,) if email else ()

    @property
    def link_hosts(self) -> LinkHosts:
        """Return the hosts that links in messages may lead to: those of `platform`, and of sources with their own."""
        hosts, foreign = self.platform.hosts, all(source.format for source in self.sources.values())
        if not hosts.names and not (hosts.shown and foreign):
            return hosts
        return LinkHosts.named({*hosts.names, *(host for its in self.sources.values() for host in its.hosts)})

    @cached_property
    def link_templates(self) -> LinkTemplates:
        """Return the pages of the platform's runs; those of formats have their own."""
        ours = {source.platform for source in self.sources.values() if not source.format}
        foreign = frozenset(source.platform for source in self.sources.values()) - ours
        return replace(self.platform.link_templates, console=self.console.url, foreign=foreign)

    def destinations_of(self, name: str) -> tuple[str, ...]:
        """Return the destinations of a name: a team's, else the name itself."""
        return self._teams.get(name, (name,))

    @property
    def platform_source(self) -> str:
        """Return the source of the platform's events: that of registered webhooks, else the first."""
        native = (name for name, source in self.sources.items() if not source.format)
        return REGISTERED if REGISTERED in self.sources else next(native, next(iter(self.sources)))

    @cached_property
    def platform_space(self) -> Space:
        """Tenant and project of the runs of `platform`."""
        return Space(self.sources[self.platform_source].platform, self.platform.tenant, self.platform.project)

    @cached_property
    def platform_mark(self) -> str:
        """A few signs that are others where another platform, tenant or project is asked."""
        whole = repr((self.platform.base_url, *self.platform_space))
        return sha256(whole.encode("utf-8", "replace")).hexdigest()[:MARK]

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """Settings that work, but probably not as meant."""
        return self._warnings

    @property
    def digest(self) -> str:
        """The version of the file: the first digits of its sha256."""
        return self._digest
