"""Configuration of sources: signatures, secrets, permissions, and the six callbacks of the Async Operations API."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PrivateAttr,
    SecretStr,
    model_validator,
)
from pydantic_core import CoreSchema

from relay.configfile.document import KeyPath
from relay.configfile.units import RATE, rate
from relay.configfile.validation import (
    Duration,
    DurationText,
    Name,
    Off,
    Section,
    Texts,
    off_as_none,
    one_or_more,
    spelled,
)
from relay.domain.identity import PATTERN
from relay.domain.links import HOST, leads_to
from relay.formats.mapping import Format
from relay.receiving.redelivery import CatchUp
from relay.receiving.secret_strength import SHORT_SECRET, refuse_weak, strength
from relay.receiving.signature_settings import Signature

Contacts = Mapping[str, Mapping[str, str]]  # by login, what a message mentions the owner by
Host = Annotated[str, spelled(HOST, "a host's name such as gitlab.example.com")]
Some = Annotated[Texts, Field(min_length=1)]
EventPattern = Annotated[str, spelled(PATTERN, "an event's name, with * for any part of it")]
Age = Annotated[
    Annotated[Duration, Field(ge=60, le=31_536_000)] | None,
    BeforeValidator(off_as_none, json_schema_input_type=DurationText | Off | None),
]
EventName = Annotated[str, spelled(r"([A-Za-z][\w.:-]{0,127})?", "an event's name such as operation.progress")]
EVENTS: Mapping[str, str] = {
    "progress": "operation.progress",  # callbacks.onProgress
    "completion": "operation.completed",  # callbacks.onCompletion
    "error": "operation.failed",  # callbacks.onError
    "batch-start": "batch.started",  # batchCallbacks.onBatchStart
    "operation-complete": "batch.operation.completed",  # batchCallbacks.onOperationComplete
    "batch-complete": "batch.completed",  # batchCallbacks.onBatchComplete
}


class RateLimit(BaseModel):
    """At most `count` requests in `period` seconds, written `100/s` or `600/min`."""

    model_config = ConfigDict(frozen=True)

    count: int
    period: float

    @model_validator(mode="before")
    @classmethod
    def _read(cls, raw: object) -> Mapping[str, float] | object:
        if isinstance(raw, Mapping):
            return raw
        count, period = rate(raw)
        return {"count": count, "period": period}

    @classmethod
    def __get_pydantic_json_schema__(cls, _core: CoreSchema, _handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {"type": "string", "pattern": RATE, "examples": ["100/s"]}


class Source(Section):
    """One sender."""

    retired: ClassVar[Mapping[str, str]] = {"max_body": "removed; use server.max_body, which holds for all sources"}

    event: EventName = ""  # of a body that names none
    platform: Annotated[str, Field(max_length=64)] = ""  # sources of one platform report the same operations
    format: str = ""  # of a foreign sender's documents: a preset, or one of `formats`; its platform is its own
    keep_bodies: bool | None = None  # the last ones, for the author of the format; None: as that says
    signature: Signature
    # Its permissions (relay.receiving.permissions):
    events: Annotated[tuple[EventPattern, ...], one_or_more, Field(min_length=1)] | None = None
    tenants: Some = ()
    projects: Some = ()
    may_name_recipients: bool | None = None  # None: not with a token
    may_begin_operations: bool | None = None  # None: not with a token, where a signed source may
    max_age: Age = 604_800.0  # as long as relay remembers at least what it has reported
    rate_limit: RateLimit | None = None
    catch_up: CatchUp | None = None
    link_hosts: Annotated[tuple[Host, ...], one_or_more] = ()  # of its own pages; also by http
    _reader: Format | None = PrivateAttr(None)
    _link_hosts: tuple[str, ...] = PrivateAttr(())  # that the format names
    _contacts: Contacts = PrivateAttr(default_factory=dict)

    @property
    def reader(self) -> Format | None:
        """Return what reads a foreign sender's documents; None where they are relay's own."""
        return self._reader

    @property
    def keeps_bodies(self) -> bool:
        """Return whether the last bodies are kept; those of relay's own documents never are."""
        return self._reader is not None and (self._reader.keep_bodies if self.keep_bodies is None else self.keep_bodies)

    @property
    def hosts(self) -> tuple[str, ...]:
        return (*self.link_hosts, *self._link_hosts)

    def allows_link(self, url: str) -> bool:
        """Return whether a foreign document may lead there: by http to hosts alone that the source itself names."""
        return leads_to(url, self.hosts if url.startswith("https://") else self.link_hosts)

    def contact_of(self, login: str) -> Mapping[str, str]:
        return self._contacts.get(login.casefold(), {})

    def read_with(self, reader: Format, hosts: Iterable[str] = (), contacts: Contacts | None = None) -> None:
        self._reader, self._link_hosts, self._contacts = reader, tuple(hosts), contacts or {}


def warnings(sources: Mapping[str, Source]) -> Iterator[tuple[KeyPath, str]]:
    """Warn of what works but should not stay so."""
    for name, source in sources.items():
        path: KeyPath = ("sources", name, "signature")
        if source.signature.allow_unsigned:
            yield path, "unsigned: anyone who knows the address can send events"
        for key, secret in source.signature.secrets.items():
            if (length := strength(secret)) < SHORT_SECRET:
                yield (*path, "secrets", key), f"the secret has {length} bytes; {SHORT_SECRET} or more are better"


def _named(raw: object) -> object:
    if raw == "":
        raise ValueError("the token is empty")
    return {"current": raw} if isinstance(raw, str) else raw


class Callbacks(Section):
    """A token, or several by name while one is replaced."""

    retired: ClassVar[Mapping[str, str]] = dict.fromkeys(
        ("max_age", "rate_limit", "platform", "tenants", "projects"),
        "removed; write it at a source of the callback's name, such as sources.progress",
    )

    token: Annotated[
        dict[Name, Annotated[SecretStr, AfterValidator(refuse_weak)]],
        BeforeValidator(_named, json_schema_input_type=dict[Name, SecretStr] | SecretStr),
    ]

    def sources(self) -> dict[str, Source]:
        """Return the source of each callback by its name."""
        signature = Signature(scheme="token", secrets=self.token)
        return {name: Source(event=event, signature=signature) for name, event in EVENTS.items()}
