"""Mutations of a request. Each is a small function of dice and a request; the tables name them.

The first table spoils a part, so that the rest stays well-formed; the second takes the bytes as they are.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random

from campaign.nasty import CHUNKED, CLEAR, HEADERS, METHODS, SIZES, TARGETS, VERSIONS
from campaign.seeds import Request

Spoil = Callable[[Random, Request], Request]
Tear = Callable[[Random, bytes], bytes]


def _place(dice: Random, whole: bytes) -> int:
    return dice.randrange(len(whole) + 1)


def _header_twice(dice: Random, request: Request) -> Request:
    name, value = dice.choice(request.headers or HEADERS)
    return request.having((dice.choice((name, name.lower(), name.upper())), dice.choice((value, b"", value[::-1]))))


def _header_torn(dice: Random, request: Request) -> Request:
    name, value = chosen = dice.choice(request.headers or HEADERS)
    torn = (flipped(dice, name), value) if dice.random() < 0.3 else (name, flipped(dice, value))
    return replace(request, headers=(*(header for header in request.headers if header != chosen), torn))


def _many_headers(dice: Random, request: Request) -> Request:
    count = dice.choice((50, 130, 400))
    return request.having(*((b"X-%d" % number, b"x" * dice.choice((1, 100))) for number in range(count)))


def _chunked(dice: Random, request: Request) -> Request:
    """In chunks, rightly or with one thing wrong; Content-Length beside it, or not."""
    cut = _place(dice, request.body)
    pieces = [piece for piece in (request.body[:cut], request.body[cut:]) if piece]
    lines = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces]
    if dice.random() < 0.6:
        lines.insert(dice.randrange(len(lines) + 1), dice.choice(SIZES) + b"\r\nabcde\r\n")
    end = dice.choice(
        (b"0\r\n\r\n", b"0\r\n\r\n", b"0\r\nX-Webhook-Signature: x\r\n\r\n", b"0\n\n", b"", b"0;x\r\n\r\n")
    )
    return replace(request.having(CHUNKED), body=b"".join(lines) + end, length=dice.random() < 0.3)


def _wrong_length(dice: Random, request: Request) -> Request:
    length = max(0, len(request.body) + dice.choice((-100, -1, 1, 100, 10**6, 10**9)))
    return replace(request.having((b"Content-Length", b"%d" % length)), length=False)


def _body_of_another_kind(dice: Random, request: Request) -> Request:
    return replace(request, body=dice.choice((b"", b"null", b"[" * 50_000, b'{"a":' * 9000, b"\xff\xfe{}", b"\0",
        b"{}" * 5, b"payload=%ff", b'{"operation":{"operationId":1e999}}', b'{"a":NaN}')))  # fmt: skip


def flipped(dice: Random, whole: bytes) -> bytes:
    torn = bytearray(whole or b"x")
    for _ in range(dice.choice((1, 1, 2, 8))):
        torn[dice.randrange(len(torn))] ^= 1 << dice.randrange(8)
    return bytes(torn)


def _spliced(dice: Random, whole: bytes) -> bytes:
    start, end = sorted((_place(dice, whole), _place(dice, whole)))
    new = dice.choice((b"", b"\r\n", b"\0", b"\n", b"\xff", whole[start:end] * 2, dice.randbytes(8)))
    return whole[:start] + new + whole[end:]


def _followed(dice: Random, whole: bytes) -> bytes:
    more = (b"\0", b"\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", dice.randbytes(50), whole[:100])
    return whole + dice.choice(more)


SPOILS: Mapping[str, Spoil] = {
    "another method": lambda dice, request: replace(request, method=dice.choice(METHODS)),
    "another target": lambda dice, request: replace(request, target=dice.choice(TARGETS)),
    "a torn target": lambda dice, request: replace(request, target=flipped(dice, request.target)),
    "another version": lambda dice, request: replace(request, version=dice.choice(VERSIONS)),
    "one header more": lambda dice, request: request.having(dice.choice(HEADERS)),
    "a header twice": _header_twice,
    "a header less": lambda dice, request: request.without(dice.choice(request.headers or HEADERS)[0]),
    "a torn header": _header_torn,
    "many headers": _many_headers,
    "chunks": _chunked,
    "a wrong length": _wrong_length,
    "a torn body": lambda dice, request: replace(request, body=TEARS[dice.choice((*TEARS,))](dice, request.body)),
    "another body": _body_of_another_kind,
}
TEARS: Mapping[str, Tear] = {
    "bits": flipped,
    "a splice": _spliced,
    "a cut": lambda dice, whole: whole[: _place(dice, whole)],
    "more behind it": _followed,
    "bare line feeds": lambda _, whole: whole.replace(b"\r\n", b"\n"),
    "more before it": lambda dice, whole: dice.choice(CLEAR) + whole,
    "another protocol": lambda dice, _: dice.choice(CLEAR),
}
