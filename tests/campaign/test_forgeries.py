"""Every forgery is one: relay's own check refuses it, as it accepts what it was made of. Who accepts it is noticed."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from campaign.configuration import SourceFacts
from campaign.forgeries import FORGERIES
from campaign.genuine import Genuine
from campaign.outputs import Outputs
from campaign.pipelines import answered
from campaign.report import Report
from campaign.requests import Request
from campaign.seeds import signed
from campaign.signatures import ALL_ACCEPTED, NONE_ACCEPTED, REFUSED, judge
from campaign.tokens import TOKENS
from relay.domain.links import issue, redeem
from relay.errors import InvalidSignature
from relay.receiving.schemes import SignedRequest
from relay.receiving.signatures import verify
from tests.campaign.conftest import Serve
from tests.campaign.test_fuzzer import answer

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
    """As relay's receiver decides it."""
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


@pytest.mark.parametrize("source", SOURCES)
def test_no_forgery_is_genuine(source: str) -> None:
    made, tried = genuine(source), Counter[str]()
    assert accepted(made, made.request)

    for name, forge in FORGERIES.items():
        for number in range(TRIES):
            request = forge(Random(f"{name} {number}"), made)
            if request is not None:
                tried[name] += 1
                assert not accepted(made, request), (name, number, request)

    assert len(tried) >= 25, tried


def test_each_forgery_can_be_made_of_something() -> None:
    made = [genuine(source) for source in SOURCES]

    idle = [name for name, forge in FORGERIES.items()
            if not any(forge(Random(f"{number}"), one) for one in made for number in range(TRIES))]  # fmt: skip

    assert idle == []


@pytest.mark.parametrize("name", TOKENS)
def test_no_forged_link_is_genuine(name: str) -> None:
    key = b"the key of this relay, which nobody has"
    tokens = {
        purpose: issue(key, purpose, "english", "a@example.com", "en")
        for purpose in ("unsubscribe", "button", "another")
    }
    assert redeem(key, "unsubscribe", tokens["unsubscribe"])

    for number in range(200):
        with pytest.raises(InvalidSignature):
            redeem(key, "unsubscribe", TOKENS[name](Random(f"{number}"), tokens))


async def test_who_accepts_everything_is_noticed(serve: Serve) -> None:
    report, made = Report("signatures"), genuine("hmac")

    [status] = await answered(await serve(answer(202)), [made.request.without(made.name)], Outputs(), 10.0)
    judge(report, "no signature", status, "hmac")

    assert {*report.broken} == {NONE_ACCEPTED, REFUSED}


@pytest.mark.parametrize("status", [0, 401, 422, 503])
async def test_who_refuses_everything_is_noticed(status: int) -> None:
    report = Report("signatures")

    judge(report, "genuine", status, "hmac")

    assert {*report.broken} == {ALL_ACCEPTED}


async def test_each_request_of_a_batch_has_its_status(serve: Serve) -> None:
    requests = [genuine("hmac").request] * 3

    whole = await answered(await serve(answer(401) + answer(202) + answer(400)), requests, Outputs(), 10.0)
    silent = await answered(await serve(b""), requests, Outputs(), 10.0)

    assert (whole, silent) == ([401, 202, 400], [0, 0, 0])
