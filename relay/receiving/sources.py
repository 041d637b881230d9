"""Configuration of sources: signatures, secrets, permissions, and the six callbacks of the Async Operations API."""

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from importlib.util import find_spec
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

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
    Size,
    Texts,
    Url,
    keyed,
    known_name,
    off_as_none,
    one_or_more,
    spelled,
)
from relay.domain.identity import PATTERN
from relay.formats.mapping import Format
from relay.receiving.oidc import GOOGLE, KEYS_OF
from relay.receiving.redelivery import CatchUp
from relay.receiving.scheme import Scheme
from relay.receiving.schemes import SCHEMES, hmac_scheme, oidc_scheme, sns_scheme
from relay.receiving.secret_strength import SHORT_SECRET, refuse_weak, strength
from relay.receiving.sns import TOPIC
from relay.receiving.tls import is_loopback

OPTIONS: Mapping[str, tuple[str, ...]] = {  # by the scheme whose they are
    "hmac": ("algorithm", "encoding", "prefix"),
    "oidc": ("issuer", "audience", "email", "subject", "keys"),
    "sns": ("topics",),
}
WITH_OPTIONS: Mapping[str, Callable[..., Scheme]] = {"hmac": hmac_scheme, "oidc": oidc_scheme, "sns": sns_scheme}
LIBRARIES = {
    "oidc": ("joserfc", "console"),
    "sns": ("cryptography", "encryption"),
}  # that a scheme needs, each with its extra


def _secure(url: str) -> str:
    if url and urlsplit(url).scheme != "https" and not is_loopback(urlsplit(url).hostname or ""):
        raise ValueError("expected https: who can change what comes from there can sign")
    return url


Secure = Annotated[Url, AfterValidator(_secure)]
Header = Annotated[str, spelled(r"[\w!#$%&'*+.^`|~-]{0,100}", "the name of an HTTP header")]
Topic = Annotated[str, spelled(TOPIC, "the ARN of a topic such as arn:aws:sns:eu-central-1:123456789012:runs")]
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


class Signature(Section):
    """The scheme of a source's signatures, and its secrets: several at once while one is replaced."""

    scheme: Annotated[str, known_name(SCHEMES, "scheme")] = "hmac-sha256"
    header: Header = ""
    secrets: Annotated[
        dict[Name, Annotated[SecretStr, AfterValidator(refuse_weak)]],
        BeforeValidator(keyed("a name for each secret, such as {current: ...}")),
    ] = Field(default_factory=dict)
    algorithm: Literal["sha256", "sha512"] = "sha256"  # these three of the scheme hmac
    encoding: Literal["hex", "base64"] = "hex"
    prefix: Annotated[str, Field(max_length=20)] = ""
    issuer: Secure = GOOGLE  # these five of the scheme oidc
    audience: Texts = ()
    email: Texts = ()  # of the accounts that may send, which the issuer has verified
    subject: Texts = ()
    keys: Secure = ""  # the address of the issuer's key set
    topics: Annotated[tuple[Topic, ...], one_or_more] = ()  # of the scheme sns
    tolerance: Annotated[Duration, Field(ge=1, le=86_400)] = 300.0
    allow_unsigned: bool = False

    @cached_property
    def rules(self) -> Scheme:
        """Return the scheme, with its options."""
        if make := WITH_OPTIONS.get(self.scheme):
            return make(**{name: getattr(self, name) for name in OPTIONS[self.scheme]})
        return SCHEMES[self.scheme]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for scheme, names in OPTIONS.items():
            if scheme != self.scheme and (options := self.model_fields_set.intersection(names)):
                written = " and ".join(sorted(options))
                raise ValueError(f"{written}: only with scheme {scheme}, and this one is {self.scheme}")
        for secret in self.secrets.values() if self.scheme == "basic" else ():
            _, colon, password = secret.get_secret_value().partition(":")
            if not colon:
                raise ValueError("basic needs user and password; expected a secret such as relay:…")
            refuse_weak(SecretStr(password))
        if SCHEMES[self.scheme].public:
            self._check_public()
        elif SCHEMES[self.scheme].needs_secret:
            if not self.secrets:
                raise ValueError(f"{self.scheme} needs a secret; expected secrets: {{current: ...}}")
            if self.allow_unsigned:
                raise ValueError(f"allow_unsigned goes with scheme none alone, and this one is {self.scheme}")
        elif not self.allow_unsigned:
            raise ValueError("scheme none lets anyone send; confirm with allow_unsigned: true, or choose a scheme")
        return self

    def _check_public(self) -> None:
        if self.secrets or self.allow_unsigned:
            raise ValueError(f"{self.scheme} has no secrets: its sender proves itself by a public key")
        library, extra = LIBRARIES[self.scheme]
        if not find_spec(library):
            raise ValueError(f"it needs {library}, which is not installed: pip install 'operation-relay[{extra}]'")
        if self.scheme == "sns":
            if not self.topics:
                raise ValueError("sns needs the topics that may send; expected topics: their ARNs")
            return
        if not self.audience:
            raise ValueError("oidc needs the audience of its tokens; expected audience: what the sender is set up with")
        if not self.email and not self.subject:  # anyone may get a token for an audience
            raise ValueError("oidc needs the account that sends; expected email or subject")
        if not self.keys and self.issuer not in KEYS_OF:
            raise ValueError("the keys of this issuer are not known; expected keys: the jwks_uri of the issuer")


class Source(Section):
    """One sender."""

    event: EventName = ""  # of a body that names none
    platform: Annotated[str, Field(max_length=64)] = ""  # sources of one platform report the same operations
    format: str = ""  # of a foreign sender's documents: a preset, or one of `formats`; its platform is its own
    keep_bodies: bool | None = None  # the last ones, for whoever writes the format; None: as that says
    signature: Signature
    # Its permissions (relay.receiving.permissions):
    events: Annotated[tuple[EventPattern, ...], one_or_more, Field(min_length=1)] | None = None
    tenants: Some = ()
    projects: Some = ()
    may_name_recipients: bool | None = None  # None: not with a token
    may_begin_operations: bool | None = None  # None: not with a token, where a signed source may
    max_age: Age = 604_800.0  # as long as relay remembers at least what it has told
    rate_limit: RateLimit | None = None
    max_body: Annotated[Size, Field(ge=1024, le=64 * 2**20)] | None = None  # None: server.max_body
    catch_up: CatchUp | None = None
    _reader: Format | None = PrivateAttr(None)

    @property
    def reader(self) -> Format | None:
        """Return what reads a foreign sender's documents; None where they are relay's own."""
        return self._reader

    @property
    def keeps_bodies(self) -> bool:
        """Return whether the last bodies are kept; those of relay's own documents never are."""
        return self._reader is not None and (self._reader.keep_bodies if self.keep_bodies is None else self.keep_bodies)

    def read_with(self, reader: Format | None) -> None:
        self._reader = reader


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
    """A token, or several by name while one is replaced, and what holds for the six sources together."""

    token: Annotated[
        dict[Name, Annotated[SecretStr, AfterValidator(refuse_weak)]],
        BeforeValidator(_named, json_schema_input_type=dict[Name, SecretStr] | SecretStr),
    ]
    platform: str = ""
    tenants: Some = ()
    projects: Some = ()
    max_age: Age = 604_800.0
    rate_limit: RateLimit | None = None

    def sources(self) -> dict[str, Source]:
        """Return the source of each callback by its name."""
        signature = Signature(scheme="token", secrets=self.token)
        options: dict[str, Any] = {name: getattr(self, name) for name in self.model_fields_set - {"token"}}
        return {name: Source(event=event, signature=signature, **options) for name, event in EVENTS.items()}
