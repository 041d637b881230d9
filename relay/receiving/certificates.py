"""Until when a certificate is valid: the one thing about a file of them that Python's `ssl` does not say."""

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime

BLOCK = re.compile("-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
VERSION, UTC_TIME = 0xA0, 0x17  # of ASN.1, which the fields of a certificate are told apart by
BEFORE_VALIDITY = 3  # serial number, algorithm and issuer


def validity(pem: str) -> tuple[datetime, datetime]:
    """From when and until when all certificates in this text are valid. ValueError if it holds none."""
    periods = [_period(block) for block in BLOCK.findall(pem)]
    if not periods:
        raise ValueError("no certificate")
    return max(begin for begin, _ in periods), min(end for _, end in periods)


def _period(block: str) -> tuple[datetime, datetime]:
    """https://www.rfc-editor.org/rfc/rfc5280#section-4.1"""
    try:
        begin, end = (_time(tag, content) for tag, content in _elements(_validity(ssl.PEM_cert_to_DER_cert(block))))
    except (IndexError, StopIteration, ValueError):
        raise ValueError("no certificate") from None
    return begin, end


def _validity(der: bytes) -> bytes:
    [(_, certificate)] = _elements(der)
    _, signed = next(_elements(certificate))
    fields = [(tag, content) for tag, content in _elements(signed) if tag != VERSION]
    return fields[BEFORE_VALIDITY][1]


def _elements(der: bytes) -> Iterator[tuple[int, bytes]]:
    """What stands one after the other: tags and contents."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:  # the length of the length
            digits = length & 0x7F
            length, at = int.from_bytes(der[at : at + digits], "big"), at + digits
        yield tag, der[at : at + length]
        at += length


def _time(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii")
    if tag == UTC_TIME:  # two digits of the year, which end with 2049
        text = ("19" if text >= "50" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
