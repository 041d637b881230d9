"""Redis section of the configuration."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from relay.configfile.validation import Section, spelled
from relay.domain.links import PORT

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


class Redis(Section):
    """The store; without `url` a private server under `data_dir`."""

    retired: ClassVar[Mapping[str, str]] = {
        "encryption_key": "removed; relay encrypts nothing in Redis: use an encrypted disk, TLS and an ACL, or a "
        "managed Redis",
    }

    url: Annotated[RedisUrl, Field(repr=False)] = ""  # it may hold a password
    durability: Literal["auto", "fsync", "replicated", "memory"] = "auto"
    replicas: Annotated[int, Field(ge=1, le=100)] = 1
