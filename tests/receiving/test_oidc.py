"""Tokens of OpenID Connect: one issuer, audience and account; keys that are fetched before, and kept."""

import asyncio
import base64
import hmac
import json
from random import Random
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from joserfc.jwk import RSAKey

from relay.errors import InvalidSignature, KeysUnavailable
from relay.receiving.configured_source import PAUSES
from relay.receiving.key_cache import TIMEOUT, KeyCache, fetch
from relay.receiving.oidc import read_keys
from relay.receiving.scheme import SignedRequest, Wanted
from relay.receiving.signature_settings import Signature
from relay.receiving.signatures import verify, wanted_key
from tests.support.clock import Clock
from tests.support.events import body
from tests.support.front import receiving
from tests.support.issuers import ACCOUNT, EC, KEYS, OIDC, RSA, STRANGER, Published, claims, key_set, token

NOW = 1_795_000_000.0
SIGNATURE = Signature.model_validate(OIDC)


def accepted(made: str | bytes, signature: Signature = SIGNATURE, now: float = NOW) -> bool:
    """Whether a request with this token is taken, by the keys that are published. Raises nothing else."""
    sent = made if isinstance(made, bytes) else made.encode()
    request, keys = SignedRequest(b"{}", {"authorization": [b"Bearer " + sent]}), read_keys(key_set(RSA, EC))
    try:
        wanted_key(signature.rules, request, None)
        for unread in (True, False):
            verify(signature.rules, request, {}, header=None, tolerance=300, now=now, unread=unread, keys=keys)
    except InvalidSignature:
        return False
    return True


def test_tokens_of_the_account_are_taken_by_both_algorithms_and_within_the_tolerance() -> None:
    by_subject = Signature.model_validate({"scheme": "oidc", "audience": ["other", OIDC["audience"]], "subject": "1"})

    assert accepted(token(NOW))
    assert accepted(token(NOW, EC))
    assert accepted(token(NOW, aud=["other", OIDC["audience"]]))
    assert accepted(token(NOW), now=NOW + 3600 + 299)
    assert accepted(token(NOW, email=None), by_subject)


@pytest.mark.parametrize("changes", [
    {"iss": "https://accounts.example.com"}, {"iss": None}, {"iss": ["https://accounts.google.com"]}, {"aud": "other"},
    {"aud": None}, {"aud": []}, {"aud": {"a": 1}}, {"email": "x" + ACCOUNT}, {"email": [ACCOUNT]}, {"email": None},
    {"email_verified": False}, {"email_verified": "true"}, {"email_verified": None}, {"exp": NOW - 301}, {"exp": None},
    {"exp": "never"}, {"exp": True}, {"iat": NOW + 301}, {"iat": None}, {"nbf": NOW + 301},
], ids=str)  # fmt: skip
def test_a_signed_token_about_anything_else_is_refused(changes: dict[str, Any]) -> None:
    assert not accepted(token(NOW, **changes))


def test_forged_tokens_are_refused() -> None:
    dice, genuine = Random(11), token(NOW)
    head, payload, signature = genuine.split(".")
    parts = [encoded(json.dumps(claims(NOW, sub="2")).encode()), payload]

    def mutated() -> str:
        made = [*genuine]
        for _ in range(dice.randrange(1, 4)):
            made[dice.randrange(len(made))] = dice.choice("ABCxyz019-_.=")
        return "".join(made)

    def headed(**header: Any) -> str:
        first = encoded(json.dumps({"alg": "RS256", "kid": "rsa", **header}).encode())
        return f"{first}.{dice.choice(parts)}.{dice.choice(('', 'AA', signature))}"

    makers = [
        mutated, lambda: token(NOW, STRANGER, sub=f"{dice.random()}"),
        lambda: by_public_key(claims(NOW, sub=f"{dice.random()}")),
        lambda: headed(alg=dice.choice(["none", "None", "HS256", "RS512", "PS256", "ES256", "", None, 7, ["RS256"]])),
        lambda: headed(kid=dice.choice(["ec", "", None, 7, ["rsa"], {"a": 1}, "../rsa"])),
        lambda: headed(**{dice.choice(["jwk", "jku", "crit", "b64", "zip"]): dice.choice(["x", False, ["b64"]])}),
        lambda: f"{head}.{encoded(dice.randbytes(dice.randrange(60)))}.{signature}",
        lambda: f"{encoded(dice.randbytes(dice.randrange(60)))}.{payload}.{signature}",
        lambda: f"{encoded(b'[' * dice.randrange(4000))}.{payload}.{signature}",
        lambda: f"{head}.{encoded(b'[' * dice.randrange(3000))}.{signature}",
        lambda: genuine[: dice.randrange(len(genuine) - 4)],
        lambda: f"{head}.{parts[0]}.{signature}",
    ]  # fmt: skip
    forged = [made for _ in range(2_100) if not same(made := dice.choice(makers)(), genuine)]

    assert len(forged) >= 2_000
    assert [made for made in forged if accepted(made)] == []
    assert accepted(genuine)


def by_public_key(stated: dict[str, Any]) -> str:
    """Return a token that takes the public key for a secret."""
    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "HS256", "kid": "rsa"}, stated))
    return f"{signed}.{encoded(hmac.digest(RSA.as_pem(private=False), signed.encode(), 'sha256'))}"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def same(one: str, other: str) -> bool:
    """Whether no more differs than last letters, of which Base64 does not read all bits."""
    return [part[:-1] for part in one.split(".")] == [part[:-1] for part in other.split(".")]


async def test_keys_are_asked_for_once_an_hour_for_a_new_one_once_a_minute_and_not_while_they_fail() -> None:
    clock, address = Clock(), f"{KEYS}?token=secret"
    published = Published({address: key_set(RSA, EC)})
    cache = KeyCache(published, clock)

    async def known(kid: str) -> bool | None:
        try:
            return kid in await cache.get(Wanted(address, kid, read_keys), "it")
        except KeysUnavailable as error:
            assert KEYS in str(error)
            assert "secret" not in str(error)
            return None

    new = RSAKey.generate_key(2048, {"kid": "new"})
    assert [await known("rsa"), await known("ec"), await known("new"), await known("new")] == [True, True, False, False]
    assert len(published.asked) == 1
    published.at[address] = key_set(RSA, new)
    clock.advance(61)
    assert [await known("new"), await known("ec"), await known("other")] == [True, False, False]
    assert len(published.asked) == 2
    del published.at[address]
    clock.advance(3601)  # one that is known serves for a day, while nothing answers
    assert [await known("rsa"), await known("other"), await known("rsa")] == [True, None, True]
    assert len(published.asked) == 3
    clock.advance(86_401)
    assert await known("rsa") is None
    published.at[address] = b'{"keys": [7, {"kty": "oct", "k": "AAAA"}]}'  # none of which can sign
    clock.advance(6)
    assert await known("rsa") is None
    published.at[address] = key_set(RSA)
    clock.advance(6)
    assert await known("rsa") is True


async def test_addresses_that_strangers_name_are_few_and_take_the_place_of_none_that_answers() -> None:
    clock, published = Clock(), Published()
    cache = KeyCache(published, clock)
    await cache.get(Wanted(KEYS, "rsa", read_keys), "it")

    for number in range(200):
        with pytest.raises(KeysUnavailable):
            await cache.get(Wanted(f"https://keys.example.com/{number}", "", read_keys), "it")
        clock.advance(0.1)

    assert len(published.asked) == 32
    assert "rsa" in await cache.get(Wanted(KEYS, "rsa", read_keys), "it")
    assert "rsa" in await cache.get(Wanted(KEYS, "rsa", read_keys), "another source")


async def test_a_known_key_waits_for_no_look_at_another_and_a_look_is_short() -> None:
    clock, looking, answers = Clock(), asyncio.Event(), asyncio.Event()

    async def slow(_address: str) -> bytes:
        looking.set()
        await answers.wait()
        return key_set(RSA)

    cache, known = KeyCache(slow, clock), Wanted(KEYS, "rsa", read_keys)
    answers.set()
    await cache.get(known, "it")
    clock.advance(61)
    answers.clear()
    looking.clear()
    look = asyncio.create_task(cache.get(Wanted(KEYS, "made up", read_keys), "it"))
    await looking.wait()
    async with asyncio.timeout(5):
        assert "rsa" in await cache.get(known, "it")
    answers.set()
    assert "made up" not in await look
    assert (TIMEOUT.total or 9.0) + sum(PAUSES) < 4.0  # seconds


async def test_what_cannot_be_fetched_says_why_and_leads_nowhere_else() -> None:
    async def answer(request: web.Request) -> web.Response:
        answers = {"/moved": web.Response(status=302, headers={"Location": "/keys"}), "/keys": web.Response(body=b"{}"),
                   "/large": web.Response(body=b" " * 300_000)}  # fmt: skip
        return answers[request.path]

    app = web.Application()
    app.router.add_get("/{name}", answer)
    async with TestServer(app) as server:
        assert await fetch(f"{server.make_url('/keys')}") == b"{}"
        for name, reason in (("moved", "answers 302"), ("large", "more than"), ("none", "answers 500")):
            with pytest.raises(KeysUnavailable, match=reason):
                await fetch(f"{server.make_url(f'/{name}')}")
    with pytest.raises(KeysUnavailable, match="does not answer"):
        await fetch("http://127.0.0.1:1/keys")


async def test_a_token_is_taken_refused_or_asked_for_again() -> None:
    published = Published({})
    async with receiving(sources={"builds": {"signature": OIDC}}, fetch=published) as front:

        async def post(made: str) -> Any:
            bearer = [("Authorization", f"Bearer {made}")]
            return await front.sender("builds", scheme="token").post(body(), signed=False, headers=bearer)

        now = front.clock()
        replies = [await post(token(now)), await post(token(now, aud="other")), await post("not.a.token")]
        published.at[KEYS] = key_set(RSA)
        front.clock.advance(6)
        replies += [await post(token(now)), await post(token(now, STRANGER)), await post(token(now, EC))]

    assert [reply.status for reply in replies] == [503, 401, 401, 202, 401, 401]
    assert replies[0].headers["retry-after"] == "5"
    assert replies[1].headers["www-authenticate"] == "Bearer"
    assert len(published.asked) == 2
    assert len(front.events) == 1
