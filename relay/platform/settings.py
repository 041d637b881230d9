"""The platform's part of the configuration."""

from typing import Annotated

from pydantic import SecretStr

from relay.configfile.validation import Section, Url, spelled


class Platform(Section):
    """The API whose operations are told of, to call it back."""

    base_url: Url = ""
    tenant: str = ""
    project: str = ""
    token: SecretStr = SecretStr("")
    link_hosts: tuple[Annotated[str, spelled(r"[a-z0-9.-]+", "a host's name such as example.com")], ...] = ()
