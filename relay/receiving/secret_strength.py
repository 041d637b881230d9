"""Strength of secrets: those that could be guessed, or that are still placeholders, are refused. Pure."""

import re
from itertools import pairwise

from pydantic import SecretStr

from relay.receiving.schemes import key_of

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
