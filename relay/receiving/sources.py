"""Configuration of sources: signatures, secrets, permissions, and the six callbacks of the Async Operations API."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

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
    keyed,
    known_name,
    off_as_none,
    one_or_more,
    spelled,
)
from relay.domain.identity import PATTERN
from relay.formats.mapping import Format
from relay.receiving.schemes import SCHEMES, Scheme, hmac_scheme, key_of

SHORTEST_SECRET = 16  # bytes; what is shorter can be guessed
SHORT_SECRET = 24  # bytes; Standard Webhooks asks for at least these
MAKE_ONE = "make a real one with: openssl rand -hex 32"
FEWEST_BYTES = 6  # different ones in a key; a random one of 16 hexadecimal digits has ten
PLACEHOLDER = re.compile(
    r"change_?me|replace_?me|place_?holder|your\w*(secret|token|key)|passwor[dt]|passwd|qwert[yz]", re.IGNORECASE
)
# What was to be run or to be filled in, but stands there itself.
UNRESOLVED = re.compile(r"\$\{|\$\([a-z]+[ )]|openssl rand|^[<‹][\w .-]+[>›]$", re.IGNORECASE)
# What documentation shows as examples, relay's own and that of those who sign: everybody knows these.
PUBLISHED = (
    "the-secret-your-platform-signs-with",
    "the-token-your-callbacks-carry",
    "it's a secret to everybody",
    "8f742231b10e8888abcd99yyyzzz85a5",
    "mfkq9r8gkyqrtwjupd8ilpzio2lalasw",
    "5wbx5kewllfzsgnjh64i8looqub6e8fh",
    "c2fvsbqihrscchlqimv+b5ssyspob7od",
)
# Names for a secret rather than one. The lone `a` must stand alone, for it is a hexadecimal digit too.
OBVIOUS = re.compile(
    r"secret|webhook|platform|callback|signing|signature|example|sample|admin|relay|token|value|super|your|insert"
    r"|change|replace|default|demo|dummy|here|test|this|that|keys?|goes|with|not|the|for|and|my|me|is|in|to"
    r"|(?<![a-z0-9])a(?![a-z0-9])"
)

Header = Annotated[str, spelled(r"[\w!#$%&'*+.^`|~-]{0,100}", "the name of an HTTP header")]
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


def refuse_weak(secret: SecretStr) -> SecretStr:
    """Validate a secret: one that could be guessed, or that is still a placeholder, is refused."""
    text = secret.get_secret_value()
    if not text.strip():
        raise ValueError("the secret is empty")
    if text.startswith("env:"):
        raise ValueError("the secret is a variable's name; write ${NAME} for what the variable holds")
    if UNRESOLVED.search(text) or len(set(text)) <= 2 or PLACEHOLDER.search(re.sub(r"\W+", "_", text)):
        raise ValueError(f"the secret is a placeholder; {MAKE_ONE}")
    if any(example in text.casefold() for example in PUBLISHED):
        raise ValueError(f"the secret is an example from documentation, which everybody knows; {MAKE_ONE}")
    if text != text.strip():
        raise ValueError("the secret begins or ends with white space")
    if strength(secret) < SHORTEST_SECRET:
        raise ValueError(f"the secret is too short; expected at least {SHORTEST_SECRET} bytes, better {SHORT_SECRET}")
    key = key_of(text.encode())
    if guessable(key):
        raise ValueError(f"the secret can be guessed, for it repeats itself or counts up; {MAKE_ONE}")
    if obvious(key.decode("latin-1")):
        raise ValueError(f"the secret can be guessed, for it is made of words such as secret and test; {MAKE_ONE}")
    return secret


def strength(secret: SecretStr) -> int:
    return len(key_of(secret.get_secret_value().encode()))


def guessable(key: bytes) -> bool:
    """Return whether it has hardly any different bytes, repeats a short pattern, or counts up or down."""
    row = key[::2] if key[::2] == key[1::2] else key  # 001122…
    steps = [after - before for before, after in pairwise(row)]
    return (
        len(set(key)) < FEWEST_BYTES
        or any(key[period:] == key[:-period] for period in range(1, min(SHORTEST_SECRET, len(key) // 2 + 1)))
        or max(steps.count(1), steps.count(-1)) * 2 >= len(steps)
    )


def obvious(text: str) -> bool:
    """Return whether nothing but digits and punctuation is left of it without words such as `secret` and `test`."""
    rest, words = OBVIOUS.subn("", text.casefold())
    return words > 0 and not any(letter.isalpha() for letter in rest)


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
    tolerance: Annotated[Duration, Field(ge=1, le=86_400)] = 300.0
    allow_unsigned: bool = False

    @cached_property
    def rules(self) -> Scheme:
        """Return the scheme, with its options."""
        if self.scheme == "hmac":
            return hmac_scheme(self.algorithm, self.encoding, self.prefix)
        return SCHEMES[self.scheme]

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.scheme != "hmac" and (options := self.model_fields_set & {"algorithm", "encoding", "prefix"}):
            raise ValueError(f"{' and '.join(sorted(options))}: only with scheme hmac, and this one is {self.scheme}")
        for secret in self.secrets.values() if self.scheme == "basic" else ():
            _, colon, password = secret.get_secret_value().partition(":")
            if not colon:
                raise ValueError("basic needs user and password; expected a secret such as relay:…")
            refuse_weak(SecretStr(password))
        if SCHEMES[self.scheme].needs_secret:
            if not self.secrets:
                raise ValueError(f"{self.scheme} needs a secret; expected secrets: {{current: ...}}")
            if self.allow_unsigned:
                raise ValueError(f"allow_unsigned goes with scheme none alone, and this one is {self.scheme}")
        elif not self.allow_unsigned:
            raise ValueError("scheme none lets anyone send; confirm with allow_unsigned: true, or choose a scheme")
        return self


class Source(Section):
    """One sender."""

    event: EventName = ""  # of a body that names none
    platform: Annotated[str, Field(max_length=64)] = ""  # sources of one platform report the same operations
    format: str = ""  # of a foreign sender's documents: a preset, or one of `formats`; its platform is its own
    keep_bodies: bool | None = None  # the last ones, for whoever writes the format; None: unless that says no
    signature: Signature
    # Its permissions (relay.receiving.permissions):
    events: Annotated[tuple[EventPattern, ...], one_or_more, Field(min_length=1)] | None = None
    tenants: Some = ()
    projects: Some = ()
    may_name_recipients: bool | None = None  # None: not with a token
    may_begin_operations: bool | None = None  # None: not with a token, where a signed source may
    max_age: Age = 604_800.0  # as long as relay remembers at least what it has told
    rate_limit: RateLimit | None = None
    _reader: Format | None = PrivateAttr(None)

    @property
    def reader(self) -> Format | None:
        """Return what reads a foreign sender's documents; None where they are relay's own."""
        return self._reader

    @property
    def keeps_bodies(self) -> bool:
        """Return whether the last bodies are kept, to be looked at; those of relay's own documents never are."""
        if self._reader is None or self.keep_bodies is not None:
            return bool(self._reader and self.keep_bodies)
        return self._reader.keep_bodies

    def read_with(self, reader: Format) -> None:
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
