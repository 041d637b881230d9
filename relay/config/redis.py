"""Redis section of the configuration."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr

from relay.configfile.validation import Name, Section, keyed, spelled
from relay.domain.links import PORT
from relay.receiving.secret_strength import MAKE_ONE, refuse_weak, strength

HOST = rf"([\w.-]+|\[[0-9A-Fa-f:.]+\]){PORT}"
HOSTS = rf"([^\s/?]*@)?{HOST}(,{HOST})*"
SENTINELS = rf"rediss?\+sentinel://{HOSTS}/[\w.-]+(/\d+)?(\?\S*)?"
CLUSTER = rf"rediss?\+cluster://{HOSTS}/?(\?\S*)?"
RedisUrl = Annotated[  # it may hold a password, so the fault does not repeat it
    str,
    spelled(
        rf"((redis|rediss|unix)://\S+|{SENTINELS}|{CLUSTER})?",
        "redis://, rediss:// or unix://, or the Sentinels and the name of their primary, "
        "redis+sentinel://[USER:PASSWORD@]HOST:26379,HOST:26379/NAME, or some nodes of a Cluster, "
        "redis+cluster://[USER:PASSWORD@]HOST:6379,HOST:6379, or nothing for a private Redis; "
        "in a password, / and ? are %2F and %3F",
    ),
]
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
    """The store; without `url` a private server under `data_dir`. The first of `encryption_key` seals, any opens."""

    url: Annotated[RedisUrl, Field(repr=False)] = ""  # it may hold a password
    durability: Literal["auto", "fsync", "replicated", "memory"] = "auto"
    replicas: Annotated[int, Field(ge=1, le=100)] = 1
    encryption_key: EncryptionKeys = Field(default_factory=dict)

    @property
    def keys(self) -> dict[str, bytes]:
        """By their names, the one that seals first."""
        return {name: key.get_secret_value().encode() for name, key in self.encryption_key.items()}
