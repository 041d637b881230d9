"""Every forgery is refused by relay's own check, which accepts what it was made of."""

from random import Random
from typing import Any

import pytest

from campaign.configuration import SourceFacts
from campaign.forgeries import FORGERIES
from campaign.genuine import Genuine
from campaign.requests import Request
from campaign.seeds import signed
from campaign.tokens import TOKENS
from relay.domain.links import issue, redeem
from relay.errors import InvalidSignature
from relay.receiving.scheme import SignedRequest
from relay.receiving.signatures import verify

SOURCES = {
    "hmac": SourceFacts("hmac-sha256", "k3y-of-hmac-7Qm2x9"),
    "named": SourceFacts("hmac-sha256", "k3y-of-named-7Qm2x9", "X-Acme-Signature"),
    "standard": SourceFacts("standard-webhooks", "whsec_ZVdXc2h0a25wcTNtN3g5cjJ2NWtiOGM0ZA=="),
    "github": SourceFacts("github", "k3y-of-github-7Qm2x9"),
    "stripe": SourceFacts("stripe", "k3y-of-stripe-7Qm2x9"),
    "slack": SourceFacts("slack", "k3y-of-slack-7Qm2x9"),
    "progress": SourceFacts("token", "k3y-of-progress-7Qm2x9"),
    "keyed": SourceFacts("token", "k3y-of-keyed-7Qm2x9", "X-Api-Key"),
}
CONFIGURED: Any = type("Configured", (), {"sources": SOURCES})
TRIES = 40  # of each forgery and source


def genuine(source: str) -> Genuine:
    facts = SOURCES[source]
    others = tuple(other.secret.encode() for name, other in SOURCES.items() if name != source)
    bodies = (b'{"event": "operation.progress", "n": 1}', b'{"event": "operation.progress", "n": 2}')
    request, other = (signed(CONFIGURED, source, body, f"msg-{body[-2:-1].decode()}") for body in bodies)
    return Genuine(request, facts.scheme, facts.secret.encode(), facts.header or "", other, others)


def accepted(made: Genuine, request: Request) -> bool:
    """Decide as relay's receiver does."""
    headers: dict[str, list[bytes]] = {}
    for name, value in request.headers:
        headers.setdefault(name.decode("latin-1").lower(), []).append(value.strip(b" \t"))
    tokens = [part[6:] for part in request.target.partition(b"?")[2].split(b"&") if part.startswith(b"token=")]
    read = SignedRequest(request.body, headers, tokens[0].decode("latin-1") if len(tokens) == 1 else None)
    try:
        verify(made.scheme, read, {"current": made.secret}, header=made.header or None, tolerance=3600,
               now=made.timestamp())  # fmt: skip
    except InvalidSignature:
        return False
    return True


def test_no_forgery_is_genuine() -> None:
    tried = set()
    for source in SOURCES:
        made = genuine(source)
        assert accepted(made, made.request)
        for name, forge in FORGERIES.items():
            for number in range(TRIES):
                request = forge(Random(f"{name} {number}"), made)
                if request is not None:
                    tried.add(name)
                    assert not accepted(made, request), (source, name, number, request)

    assert tried == {*FORGERIES}


@pytest.mark.parametrize("name", TOKENS)
def test_no_forged_link_is_genuine(name: str) -> None:
    key = b"the key of this relay, which nobody has"
    purposes = ("unsubscribe", "button", "another")
    tokens = {purpose: issue(key, purpose, "english", "a@example.com", "en") for purpose in purposes}
    assert redeem(key, "unsubscribe", tokens["unsubscribe"])

    for number in range(200):
        with pytest.raises(InvalidSignature):
            redeem(key, "unsubscribe", TOKENS[name](Random(f"{number}"), tokens))
