"""Who may ask the operators' listener, as the configuration says."""

from ipaddress import ip_address
from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr

from relay.configfile.validation import Section
from relay.receiving.sources import refuse_weak
from relay.receiving.tls import Tls


def _none_or_strong(token: SecretStr) -> SecretStr:
    return refuse_weak(token) if token.get_secret_value() else token


class Admin(Section):
    """Where operators ask. Without a `port`: the one above that of senders."""

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] | None = None
    token: Annotated[SecretStr, AfterValidator(_none_or_strong)] = SecretStr("")
    tls: Tls | None = None

    @property
    def closed(self) -> bool:
        """Whether only those are answered who show that they may ask."""
        return bool(self.token.get_secret_value() or (self.tls and self.tls.client_ca))


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine reaches it."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.rstrip(".").casefold() == "localhost"
