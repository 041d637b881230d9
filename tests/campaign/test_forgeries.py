"""Every forgery is refused by relay's own check, which accepts what it was made of."""

from random import Random

from campaign.forging import FORGERIES, Genuine
from campaign.seeds import Request, SourceFacts
from campaign.signatures import genuine_request
from relay.errors import InvalidSignature
from relay.receiving.scheme import SignedRequest
from relay.receiving.signatures import verify

SOURCES = {
    "hmac": SourceFacts("hmac-sha256"),
    "named": SourceFacts("hmac-sha256", "X-Acme-Signature"),
    "standard": SourceFacts("standard-webhooks", secret="whsec_ZVdXc2h0a25wcTNtN3g5cjJ2NWtiOGM0ZA=="),
    "github": SourceFacts("github"),
    "stripe": SourceFacts("stripe"),
    "slack": SourceFacts("slack"),
    "basic": SourceFacts("basic", secret="relay:k3y-of-basic-7Qm2x9"),
    "progress": SourceFacts("token"),
    "keyed": SourceFacts("token", "X-Api-Key"),
}
TRIES = 40  # of each forgery and source


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
        made = genuine_request(SOURCES, source, {"event": "operation.progress"}, "1")
        assert accepted(made, made.request)
        for name, forge in FORGERIES.items():
            for number in range(TRIES):
                request = forge(Random(f"{name} {number}"), made)
                if request is not None:
                    tried.add(name)
                    assert not accepted(made, request), (source, name, number, request)

    assert tried == {*FORGERIES}
