"""Addresses that are names of URLs: a URL may be a secret, and lists, metrics and log lines show addresses."""

import re
from collections.abc import Collection, Mapping
from typing import TypeVar
from urllib.parse import unquote

from pydantic import ConfigDict

from relay.configfile.words import suggest
from relay.errors import DeliveryError
from relay.rendering.texts import cut, line

STRICT = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
MAX_SAID = 300
Value = TypeVar("Value")


def one_name(value: object, key: str) -> list[str]:
    """Read the address of a destination: a name below this key."""
    if not isinstance(value, str) or not value:
        raise ValueError(f"expected one name of {key}")
    return [value]


def check_known(name: str, names: Collection[str], key: str) -> None:
    """Raise ValueError for a name that is not below this key."""
    if name not in names:
        raise ValueError(f"{key} has no {name}; {suggest(name, names)}")


def value_of(name: str, values: Mapping[str, Value], key: str) -> Value:
    """Return what is configured under this name. DeliveryError if that is gone, and a message still waits for it."""
    if name not in values:
        raise DeliveryError(f"{key} has no {name} any more", pause="destination", unsent=True)
    return values[name]


def without_url(text: str, url: str) -> str:
    """Return the text in one printable line without any part of the URL, for any of them may be the secret."""
    parts = {*re.split(r"[/?&=:;@,]", url.partition("://")[2])}
    for part in sorted({*parts, *map(unquote, parts)}, key=len, reverse=True):
        text = re.sub(re.escape(part), "…", text, flags=re.IGNORECASE) if len(part) > 3 else text
    return cut(line("".join(letter if letter.isprintable() else " " for letter in text)), MAX_SAID)
