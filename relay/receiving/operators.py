"""Settings of the operators' listener."""

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, SecretStr

from relay.configfile.validation import Section
from relay.receiving.secret_strength import refuse_weak

IN_A_PROXY = "removed; let a reverse proxy speak TLS (docs/reverse-proxies.md), and relay listen where it alone gets"


def _none_or_strong(token: SecretStr) -> SecretStr:
    return refuse_weak(token) if token.get_secret_value() else token


class Admin(Section):
    """The operators' listener."""

    retired: ClassVar[Mapping[str, str]] = {"tls": IN_A_PROXY}

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] | None = None  # None: the one above that of senders
    token: Annotated[SecretStr, AfterValidator(_none_or_strong)] = SecretStr("")


def is_loopback(host: str) -> bool:
    """Return whether this machine alone reaches it."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.rstrip(".").casefold() == "localhost"
