"""Secrets by name, and their strength: what is too short, or still a placeholder, is refused. Pure."""

import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, SecretStr

from relay.configfile.validation import Name, keyed
from relay.receiving.schemes import key_of

SHORTEST_SECRET = 16  # bytes; what is shorter can be guessed
SHORT_SECRET = 24  # bytes; Standard Webhooks asks for at least these
FEWEST_BYTES = 6  # different ones in a key; a random one of 16 hexadecimal digits has ten
MAKE_ONE = "make a real one with: openssl rand -hex 32"
PLACEHOLDER = re.compile(
    r"(?:change|replace)[\W_]?me|place[\W_]?holder|your.*(?:secret|token|key)|openssl rand"
    r"|\$[{(]|^[<‹][\w .-]+[>›]$|^(.)\1*$",
    re.IGNORECASE,
)


def refuse_weak(secret: SecretStr) -> SecretStr:
    """Validate a secret: one that is too short, or that is still a placeholder, is refused."""
    text = secret.get_secret_value()
    key = key_of(text.encode())
    if not text.strip():
        raise ValueError("the secret is empty")
    if text.startswith("env:"):
        raise ValueError("the secret is a variable's name; write ${NAME} for what the variable holds")
    if PLACEHOLDER.search(text):
        raise ValueError(f"the secret is a placeholder; {MAKE_ONE}")
    if text != text.strip():
        raise ValueError("the secret begins or ends with white space")
    if len(key) < SHORTEST_SECRET:
        raise ValueError(f"the secret is too short; expected at least {SHORTEST_SECRET} bytes, better {SHORT_SECRET}")
    if len(set(key)) < FEWEST_BYTES:
        raise ValueError(f"the secret can be guessed; {MAKE_ONE}")
    return secret


def strength(secret: SecretStr) -> int:
    return len(key_of(secret.get_secret_value().encode()))


Secrets = Annotated[
    dict[Name, Annotated[SecretStr, AfterValidator(refuse_weak)]],
    BeforeValidator(keyed("a name for each secret, such as {current: ...}")),
]
