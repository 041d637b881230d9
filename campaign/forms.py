"""Requests of strangers to the operators' listener: each line says which answers keep them out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from urllib.parse import quote

from campaign.configuration import AUTH_PROXY, OPERATOR, USER_HEADER
from campaign.payloads import payload
from campaign.requests import Header, Request
from campaign.seeds import FORM, JSON

HOST = (b"Host", b"relay.internal:8081")
COOKIE = "relay-console"
OWN, ELSEWHERE = (b"Sec-Fetch-Site", b"same-origin"), (b"Sec-Fetch-Site", b"cross-site")
EVIL = (b"Origin", b"https://evil.example")
UP = ("..", "%2e%2e", "..%2f..", "%5c..", "vendor/..")
FILES = ("../../etc/passwd", "%2e%2e/console.py", "relay.yaml", "%00", "/etc/passwd")
PAUSE = "/console/destinations/pause"


@dataclass(frozen=True)
class Known:
    """Spoils of an attacker: a session of one who only looks, and the cookie of one who may act, but not its token."""

    viewer: str
    viewer_csrf: str
    operator: str
    admin_token: str
    api_token: str


Make = Callable[[Random, Known], Request]


def _get(path: str, *headers: Header) -> Request:
    return Request(b"GET", path.encode(), (HOST, *headers))


def _post(path: str, body: str, *headers: Header) -> Request:
    return Request(b"POST", path.encode(), (HOST, FORM, *headers), body.encode())


def _cookie(id_: str) -> Header:
    return b"Cookie", f"{COOKIE}={id_}".encode()


def _bearer(token: str) -> Header:
    return b"Authorization", f"Bearer {token}".encode()


def _stated(dice: Random) -> tuple[Header, Header]:
    """Headers of an authenticating proxy, from another sender."""
    forwarded = dice.choice((AUTH_PROXY, "127.0.0.1", "::1")).encode()
    return (USER_HEADER.encode(), OPERATOR.encode()), (b"X-Forwarded-For", forwarded)


def _junk(dice: Random) -> str:
    return quote(payload(dice)[:60].encode("utf-8", "replace"), safe="")


def _pause(csrf: str = "") -> str:
    return f"name=daily&reason=forged&csrf={csrf}"


# By what is tried: how it is made, and the statuses of which each is a refusal.
FORGED: Mapping[str, tuple[Make, frozenset[int]]] = {
    "a page without a login": (lambda dice, _: _get(f"/console/operation?id={_junk(dice)}"), frozenset({303})),
    "an invented cookie": (
        lambda dice, _: _get("/console/now", _cookie(f"{dice.getrandbits(256):064x}"[: dice.choice((1, 43, 64))])),
        frozenset({303}),
    ),
    "a long cookie": (lambda dice, _: _get("/console/now", _cookie("x" * dice.randrange(65, 4000))),
                      frozenset({303})),
    "a form without a login": (lambda _, known: _post(PAUSE, _pause(known.viewer_csrf), OWN), frozenset({303})),
    "a form of one who only looks": (
        lambda _, known: _post(PAUSE, _pause(known.viewer_csrf), OWN, _cookie(known.viewer)), frozenset({403}),
    ),
    "a form without its token": (
        lambda _, known: _post(PAUSE, _pause(), OWN, _cookie(known.operator)), frozenset({403}),
    ),
    "a form with another's token": (
        lambda _, known: _post(PAUSE, _pause(known.viewer_csrf), OWN, _cookie(known.operator)), frozenset({403}),
    ),
    "a form from another site": (
        lambda dice, known: _post(PAUSE, _pause(), dice.choice((ELSEWHERE, EVIL)), _cookie(known.operator)),
        frozenset({403}),
    ),
    "a form as another type": (
        lambda _, known: Request(b"POST", PAUSE.encode(), (HOST, JSON, OWN, _cookie(known.operator)), b"{}"),
        frozenset({403}),
    ),
    "JSON from another site": (
        lambda _, known: Request(
            b"POST", b"/api/v1/destinations/pause", (HOST, JSON, EVIL, _cookie(known.operator)), b'{"name": "daily"}'
        ),
        frozenset({401}),
    ),
    "a program that only looks": (
        lambda _, known: Request(
            b"POST", b"/api/v1/destinations/pause", (HOST, JSON, _bearer(known.api_token)), b'{"name": "daily"}'
        ),
        frozenset({403}),
    ),
    "an invented token": (
        lambda dice, _: _get(dice.choice(("/api/v1/now", "/metrics", "/readyz?verbose")),
                             _bearer(f"{dice.getrandbits(128):032x}")),
        frozenset({401}),
    ),
    "the token of another door": (
        lambda dice, known: dice.choice((_get("/api/v1/now", _bearer(known.admin_token)),
                                         _get("/metrics", _bearer(known.api_token)))),
        frozenset({401}),
    ),
    "a user whom no proxy states": (
        lambda dice, _: _get(dice.choice(("/console/now", "/api/v1/now")), *_stated(dice)),
        frozenset({303, 401}),
    ),
    "an invented link": (
        lambda dice, _: _post(f"/console/enter/{dice.getrandbits(200):x}", "", OWN), frozenset({403}),
    ),
    "a huge form": (
        lambda _, known: _post(PAUSE, "x=" + "y" * 1_100_000, OWN, _cookie(known.operator)), frozenset({413}),
    ),
    "a form of many fields": (
        lambda _, known: _post(PAUSE, "a=1&" * 5000, OWN, _cookie(known.operator)), frozenset({413}),
    ),
    "a way out of the files": (
        lambda dice, _: _get(f"/console/static/{dice.choice(UP)}/{dice.choice(FILES)}"),
        frozenset({303, 400, 401, 404}),
    ),
    "another method": (
        lambda dice, _: Request(dice.choice((b"PUT", b"DELETE", b"TRACE", b"PATCH")), b"/console/login", (HOST,)),
        frozenset({303, 405}),
    ),
}  # fmt: skip
