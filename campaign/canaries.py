"""Secrets that can be found again: each begins with the same mark, however it is written down."""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from random import SystemRandom

MARK = "q9LEAKx7Kw"  # in no word, no id and no hash that is not made of it
LENGTH = 24


@dataclass
class Canaries:
    """The secrets of one run by their name: those that were configured, and those that relay made itself."""

    secrets: dict[str, str] = field(default_factory=dict)
    made: dict[str, str] = field(default_factory=dict)

    def make(self, name: str, form: str = "{}") -> str:
        """A new secret in this form; in `whsec_{base64}` it is written in base64."""
        text = MARK + "".join(SystemRandom().choices("abcdefghjkmnpqrstuvwxyz23456789", k=LENGTH))
        secret = form.replace("{base64}", b64encode(text.encode()).decode()).replace("{}", text)
        self.secrets[name] = secret
        return secret

    @cached_property
    def _spellings(self) -> tuple[bytes, ...]:
        return tuple({spelling for spelling in spellings(MARK.encode()) if len(spelling) > 6})

    def within(self, output: bytes) -> Iterator[str]:
        """The name of each secret that this holds, in clear, in base64 or in hexadecimal; with the text around it."""
        for spelling in self._spellings:
            start = output.find(spelling)
            while start >= 0:
                around = output[start : start + 80]
                names = [name for name, secret in self.secrets.items() if _is_in(secret, around)]
                yield f"{', '.join(names) or 'a part of a secret'} in …{output[max(0, start - 60) : start]!r}"
                start = output.find(spelling, start + len(spelling))
        for name, secret in self.made.items():
            if any(spelling in output for spelling in spellings(secret.encode())):
                yield name


def spellings(mark: bytes) -> Iterator[bytes]:
    """Return how the mark looks in each encoding, wherever it begins, without what depends on others."""
    yield mark
    yield mark.hex().encode()
    yield mark.hex().upper().encode()
    yield mark[::-1]
    yield mark.lower()
    for shift in range(3):
        encoded = b64encode(bytes(shift) + mark)
        first = -(-shift * 4 // 3)
        yield re.sub(rb"=+$", b"", encoded)[first : (len(mark) + shift) * 8 // 6]


def _is_in(secret: str, around: bytes) -> bool:
    core = secret[secret.find(MARK) :] if MARK in secret else secret.partition("_")[2]
    return core[:24].encode() in around
