"""The settings an operator decides, as types. Each default stands here beside its field, once.

docs/configuration.md explains every key; `relay.config.loading` reads them from a file.
"""

import re
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PrivateAttr, SecretStr

from relay.config.brand import Brand
from relay.config.console import Console
from relay.configfile.units import SIZE, size, spoken
from relay.configfile.validation import Duration, Name, Section, Url, keyed, one_or_more, spelled
from relay.domain.facts import Space
from relay.domain.jobs import FIELD
from relay.errors import Problem
from relay.platform.settings import REGISTERED, Platform
from relay.policy.destinations import Destination, DestinationOptions, Hours, Language, Timezone
from relay.policy.matching import Rule
from relay.policy.recipients import DynamicDestinations
from relay.policy.retry import Patience
from relay.policy.watchdog import Watchdog, WatchdogLevel
from relay.receiving.peers import network
from relay.receiving.sources import MAKE_ONE, Callbacks, Source, refuse_weak, strength
from relay.receiving.tls import Admin, Tls

HOST = r"([\w.-]+|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?"
HOSTS = rf"([^\s/?]*@)?{HOST}(,{HOST})*"
SENTINELS = rf"rediss?\+sentinel://{HOSTS}/[\w.-]+(/\d+)?(\?\S*)?"
CLUSTER = rf"rediss?\+cluster://{HOSTS}/?(\?\S*)?"
SHAPES = {
    "+sentinel:": (
        SENTINELS,
        "expected the Sentinels and the name of the primary that they watch, "
        "redis+sentinel://[USER:PASSWORD@]HOST:26379,HOST:26379/NAME; in a password, / and ? are %2F and %3F",
    ),
    "+cluster:": (
        CLUSTER,
        "expected some nodes of the Cluster, redis+cluster://[USER:PASSWORD@]HOST:6379,HOST:6379; "
        "it has no numbered databases, and in a password, / and ? are %2F and %3F",
    ),
}


HEARTBEAT = r"(https?://[\w.-]+(:\d{1,5})?(/[!-~]*)?)?"


def _heartbeat(url: SecretStr) -> SecretStr:
    """The address, unless it is none: it is a secret, so the fault does not repeat it."""
    if not re.fullmatch(HEARTBEAT, url.get_secret_value(), re.ASCII):
        raise ValueError("expected an address such as https://hc-ping.com/…, without a user or a password")
    return url


Heartbeat = Annotated[SecretStr, AfterValidator(_heartbeat)]


def _of_several_hosts(url: str) -> str:
    """The URL, unless it means several hosts and is wrong: it may hold a password, so the fault does not repeat it."""
    wrong_port = any(int(port) > 65535 for port in re.findall(r":(\d+)(?=[,/?]|$)", url))
    for mark, (pattern, fault) in SHAPES.items():
        if mark in url and (wrong_port or not re.fullmatch(pattern, url, re.ASCII)):
            raise ValueError(fault)
    return url


RedisUrl = Annotated[
    str,
    AfterValidator(_of_several_hosts),
    spelled(
        rf"((redis|rediss|unix)://\S+|{SENTINELS}|{CLUSTER})?",
        "redis://, rediss://, unix://, redis+sentinel:// or redis+cluster://, or nothing for a private Redis",
    ),
]
Size = Annotated[
    int,
    BeforeValidator(size, json_schema_input_type=int | Annotated[str, Field(pattern=SIZE)]),
    Field(ge=1024, le=64 * 2**20),
]

Memory = Annotated[
    int,
    BeforeValidator(size, json_schema_input_type=int | Annotated[str, Field(pattern=SIZE)]),
    Field(ge=2**20, le=64 * 2**30),
]


def _network(text: str) -> str:
    """It is kept as it is written."""
    network(text)
    return text


Network = Annotated[str, Field(max_length=64), AfterValidator(_network)]

LONGEST_DRAIN = 20.0


def _within_a_stop(drain: float) -> float:
    if drain > LONGEST_DRAIN:
        raise ValueError(
            f"expected at most {spoken(LONGEST_DRAIN)}: a stop ends within 30s, and what is being sent needs the rest"
        )
    return drain


class Server(Section):
    """Where relay listens: for the world, and apart from it (`admin`) for operators. `public_url` is how the outside
    reaches it; `drain` are the seconds at the end in which it still takes events, but no longer calls itself ready."""

    host: str = "0.0.0.0"  # noqa: S104 - a webhook target is there to be reached
    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    reuse_port: bool = False  # other relays on this machine listen on the same port (SO_REUSEPORT)
    public_url: Url = ""
    max_body: Size = 2**20
    max_body_memory: Memory = 32 * 2**20  # for all bodies that are being received
    max_connections: Annotated[int, Field(ge=16, le=100_000)] = 800
    trusted_proxies: Annotated[tuple[Network, ...], one_or_more, Field(max_length=100)] = ()
    tls: Tls | None = None
    admin: Admin = Admin()
    drain: Annotated[Duration, AfterValidator(_within_a_stop)] = 5.0

    @property
    def admin_port(self) -> int:
        """The operators': the one above, unless another is said. With any free one for the world, any free one."""
        return self.admin.port if self.admin.port is not None else self.port and self.port + 1


SHORTEST_KEY = 32  # bytes, as of AES-256: what seals lasts longer than what signs


def _as_one_key(raw: object) -> object:
    """A key alone is the present one. An empty one is refused: a variable without a value must not unseal the store."""
    if raw == "":
        raise ValueError(f"the key is empty; {MAKE_ONE}, or leave encryption_key out: then nothing is sealed")
    return {"current": raw} if isinstance(raw, str) else {} if raw is None else raw


def _long_enough(key: SecretStr) -> SecretStr:
    if strength(refuse_weak(key)) < SHORTEST_KEY:
        raise ValueError(f"the key is too short; expected at least {SHORTEST_KEY} bytes; {MAKE_ONE}")
    return key


EncryptionKeys = Annotated[
    dict[Name, Annotated[SecretStr, AfterValidator(_long_enough)]],
    BeforeValidator(keyed("a key, or a name for each, such as {current: ...}")),
    BeforeValidator(_as_one_key, json_schema_input_type=dict[Name, SecretStr] | SecretStr | None),
    Field(max_length=4),
]


class Redis(Section):
    """Where everything is remembered. Without a `url`: a private server under `data_dir`.

    What events held is sealed with the first of `encryption_key`, and opened with any.
    """

    url: Annotated[RedisUrl, Field(repr=False)] = ""  # it may hold a password
    durability: Literal["auto", "fsync", "replicated", "memory"] = "auto"
    replicas: Annotated[int, Field(ge=1, le=100)] = 1
    partitions: Annotated[int, Field(ge=1, le=256)] = 1
    encryption_key: EncryptionKeys = Field(default_factory=dict)

    @property
    def keys(self) -> dict[str, bytes]:
        """By their names, the one that seals first."""
        return {name: key.get_secret_value().encode() for name, key in self.encryption_key.items()}


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
    data_dir: Path = Path("data")
    language: Language = "en"
    timezone: Timezone = "UTC"
    retention: Annotated[Duration, Field(ge=604_800, le=31_536_000)] = 2_592_000.0  # after its outcome; its ids with it
    job: JobTemplate = ""
    templates: Path | None = None
    brand: Brand = Brand()
    console: Console = Console()
    platform: Platform = Platform()
    callbacks: Callbacks | None = None
    sources: Annotated[dict[Name, Source], Field(min_length=1)]  # those of `callbacks` too
    channels: dict[str, BaseModel] = Field(default_factory=dict)
    destinations: dict[str, Destination] = Field(default_factory=dict)
    dynamic_destinations: DynamicDestinations | None = None
    rules: tuple[Rule, ...]
    operators: Annotated[
        tuple[Name, ...], one_or_more, Field(max_length=20)
    ] = ()  # destinations: told of relay's own trouble
    heartbeat: Heartbeat = SecretStr("")
    retry: Patience = Patience()
    quiet_hours: Hours = None
    watchdog: WatchdogLevel = Watchdog()
    _warnings: tuple[Problem, ...] = PrivateAttr(())
    _digest: str = PrivateAttr("")
    _teams: dict[str, tuple[str, ...]] = PrivateAttr(default_factory=dict)

    @cached_property
    def destination_defaults(self) -> DestinationOptions:
        """What holds at a destination that does not say otherwise. Made once: every event asks for it."""
        return DestinationOptions(language=self.language, timezone=self.timezone, quiet_hours=self.quiet_hours)

    def destinations_of(self, name: str) -> tuple[str, ...]:
        """Return the destinations that a name stands for: a team's, else the name itself."""
        return self._teams.get(name, (name,))

    @property
    def platform_source(self) -> str:
        """Where the events of `platform` come from: the source of registered webhooks, else the first."""
        return REGISTERED if REGISTERED in self.sources else next(iter(self.sources))

    @cached_property
    def platform_space(self) -> Space:
        """Whose runs those of `platform` are."""
        return Space(self.sources[self.platform_source].platform, self.platform.tenant, self.platform.project)

    @cached_property
    def platform_mark(self) -> str:
        """A few signs that are others where another platform, tenant or project is asked."""
        whole = repr((self.platform.base_url, *self.platform_space))
        return sha256(whole.encode("utf-8", "replace")).hexdigest()[:MARK]

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What works, but probably not as it was meant."""
        return self._warnings

    @property
    def digest(self) -> str:
        """Which version of the file this is: the first digits of its sha256."""
        return self._digest
