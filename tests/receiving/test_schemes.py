"""Only the documented spellings of each scheme pass."""

import base64
import hashlib
import hmac

import pytest

from relay.errors import InvalidSignature
from relay.receiving.scheme import SignedRequest
from relay.receiving.schemes import SCHEMES, hmac_scheme
from relay.receiving.signatures import EventIdentity, sign, verify
from tests.receiving.signed_requests import BODY, NOW, SECRET, Case, based, hexed

ACCEPTED_SPELLINGS = {
    "prefix": ("hmac-sha256", b"sha256=" + hexed()),
    "no prefix": ("hmac-sha256", hexed()),
    "capitals": ("hmac-sha256", hexed().upper()),
    "base64": ("hmac-sha256", based()),
    "prefix and base64": ("hmac-sha256", b"sha256=" + based()),
    "white space around": ("hmac-sha256", b" sha256=" + hexed() + b"\t"),
    "second of a list": ("hmac-sha256", b"sha256=" + b"0" * 64 + b", sha256=" + hexed()),
    "list of mixed spellings": ("hmac-sha256", based(secret=b"other") + b"," + based()),
    "github": ("github", b"sha256=" + hexed()),
    "token": ("token", b"Bearer " + SECRET),
    "token, bearer in small letters": ("token", b"bearer " + SECRET),
    "basic": ("basic", b"Basic " + base64.b64encode(SECRET)),
    "basic in small letters": ("basic", b"basic " + base64.b64encode(SECRET)),
    "hmac in capitals": ("hmac", hexed().upper()),
}
ASKED = {"token": "token", "basic": "password", "oidc": "token", "github": "signature", "none": "signature"}


@pytest.mark.parametrize(("scheme", "value"), ACCEPTED_SPELLINGS.values(), ids=ACCEPTED_SPELLINGS)
def test_the_documented_spellings_pass(scheme: str, value: bytes) -> None:
    assert Case(scheme).with_signature(value).verify() == "current"


REFUSED_SPELLINGS = {
    "prefix alone": ("hmac-sha256", b"sha256="),
    "sha1 prefix": ("hmac-sha256", b"sha1=" + hexed()),
    "prefix twice": ("hmac-sha256", b"sha256=sha256=" + hexed()),
    "space after prefix": ("hmac-sha256", b"sha256= " + hexed()),
    "real sha512": ("hmac-sha256", hmac.new(SECRET, BODY, hashlib.sha512).hexdigest().encode()),
    "hash without key": ("hmac-sha256", hashlib.sha256(BODY).hexdigest().encode()),
    "base64 without padding": ("hmac-sha256", based().rstrip(b"=")),
    "base64 for addresses": ("hmac-sha256", based(BODY + b"?").translate(bytes.maketrans(b"+/", b"-_"))),
    "full-width digits": ("hmac-sha256", hexed().decode().translate({48 + i: 0xFF10 + i for i in range(10)}).encode()),
    "not UTF-8": ("hmac-sha256", b"sha256=\xff\xfe"),
    "8 kB": ("hmac-sha256", b"a" * 8192),
    "github without prefix": ("github", hexed()),
    "github with another prefix": ("github", b"sha1=" + hexed()),
    "github in capitals": ("github", b"sha256=" + hexed().upper()),
    "github in base64": ("github", b"sha256=" + based()),
    "standard v1 and comma": ("standard-webhooks", b"v1,"),
    "standard body alone": ("standard-webhooks", b"v1," + based()),
    "standard hexadecimal": ("standard-webhooks", b"v1," + hexed(b"msg-1.1705750800." + BODY)),
    "standard without padding": ("standard-webhooks", b"v1," + based(b"msg-1.1705750800." + BODY).rstrip(b"=")),
    "standard v2": ("standard-webhooks", b"v2," + based(b"msg-1.1705750800." + BODY)),
    "standard asymmetric": ("standard-webhooks", b"v1a," + based(b"msg-1.1705750800." + BODY)),
    "stripe without time": ("stripe", b"v1=" + hexed(b"1705750800." + BODY)),
    "stripe without signature": ("stripe", b"t=1705750800"),
    "stripe two times": ("stripe", b"t=1705750800,t=1705750800,v1=" + hexed(b"1705750800." + BODY)),
    "stripe body alone": ("stripe", b"t=1705750800,v1=" + hexed()),
    "token without Bearer": ("token", SECRET),
    "token with Basic": ("token", b"Basic " + SECRET),
    "Bearer and a space": ("token", b"Bearer "),
    "basic in clear": ("basic", b"Basic " + SECRET),
    "basic with Bearer": ("basic", b"Bearer " + base64.b64encode(SECRET)),
    "basic without padding": ("basic", b"Basic " + base64.b64encode(SECRET + b"?").rstrip(b"=")),
    "hmac with a prefix that is none of its": ("hmac", b"sha256=" + hexed()),
    "hmac in base64": ("hmac", based()),
}  # fmt: skip


@pytest.mark.parametrize(("scheme", "value"), REFUSED_SPELLINGS.values(), ids=REFUSED_SPELLINGS)
def test_other_spellings_are_refused(scheme: str, value: bytes) -> None:
    with pytest.raises(InvalidSignature):
        Case(scheme).with_signature(value).verify()


@pytest.mark.parametrize("algorithm", ["sha256", "sha512"])
@pytest.mark.parametrize("encoding", ["hex", "base64"])
@pytest.mark.parametrize("prefix", ["", "v1="])
def test_a_general_hmac_passes_as_it_is_configured_and_in_no_other_way(
    algorithm: str, encoding: str, prefix: str
) -> None:
    digest = hmac.new(SECRET, BODY, algorithm).digest()
    right = prefix.encode() + (digest.hex().encode() if encoding == "hex" else base64.b64encode(digest))
    rules = hmac_scheme(algorithm, encoding, prefix)

    def check(value: bytes, body: bytes = BODY) -> str:
        request = SignedRequest(body, {"x-webhook-signature": [value]})
        return verify(rules, request, {"current": SECRET}, header=None, tolerance=300, now=NOW)

    assert check(right) == "current"
    assert sign(rules, BODY, SECRET) == {"X-Webhook-Signature": right.decode()}
    assert rules.shape is not None
    assert rules.shape.fullmatch(right.removeprefix(prefix.encode()))
    for wrong in (right[:-1], right + b"0", right + b"=", b"v2=" + right, right[::-1], b"", right[len(right) // 2 :]):
        with pytest.raises(InvalidSignature):
            check(wrong)
    for body, wrong in (
        (BODY + b" ", right),
        (BODY, right.removeprefix(prefix.encode()) if prefix else b"v1=" + right),
    ):
        with pytest.raises(InvalidSignature):
            check(wrong, body)


def test_the_header_s_name_is_configurable() -> None:
    case = Case("hmac-sha256", header="X-Mindzie-Signature")

    assert list(case.good) == ["x-mindzie-signature"]
    assert case.verify() == "current"


PUBLISHED = {
    "standard-webhooks": (b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", b'{"test": 2432232314}', {
        "webhook-id": b"msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": b"1614265330",
        "webhook-signature": b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }),
    "github": (b"It's a Secret to Everybody", b"Hello, World!", {
        "x-hub-signature-256": b"sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    }),
}  # fmt: skip


@pytest.mark.parametrize("scheme", PUBLISHED)
def test_the_published_example_passes(scheme: str) -> None:
    secret, body, headers = PUBLISHED[scheme]
    request = SignedRequest(body, {name: [value] for name, value in headers.items()})

    assert verify(scheme, request, {"it": secret}, header=None, tolerance=300, now=1614265330) == "it"


STANDARD = ("id", "timestamp", "signature")


def in_svix(*parts: str) -> dict[str, list[bytes]]:
    """A good request's headers, these of them in Svix's spelling."""
    good = Case("standard-webhooks").good
    return {f"{'svix' if part in parts else 'webhook'}-{part}": good[f"webhook-{part}"] for part in STANDARD}


def test_standard_webhooks_may_be_spelled_as_svix_does() -> None:
    case = Case("standard-webhooks", headers=in_svix(*STANDARD))

    assert case.verify() == "current"
    assert EventIdentity.of("standard-webhooks", SignedRequest(BODY, case.headers or {})).signed == "msg-1"


@pytest.mark.parametrize("parts", [
    ("id",), ("timestamp",), ("signature",), ("id", "timestamp"), ("id", "signature"),
    ("timestamp", "signature"),
], ids=" ".join)  # fmt: skip
def test_a_mixture_of_the_two_spellings_is_refused(parts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSignature):
        Case("standard-webhooks", headers=in_svix(*parts)).verify()


@pytest.mark.parametrize("secret", [b"whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=", b"whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ"])
def test_a_whsec_secret_is_base64_of_the_key_with_or_without_padding(secret: bytes) -> None:
    case = Case("standard-webhooks", secrets={"current": secret})
    signed = b"msg-1.1705750800." + BODY

    case = case.with_signature(b"v1," + based(signed, b"secret-secret-secret"))

    assert case.verify() == "current"


def test_a_full_stop_in_the_webhook_id_cannot_move_the_boundary_of_what_is_signed() -> None:
    body = b"1705750800.{}"
    value = b"v1," + based(b"msg.1705750800." + body)
    signed = {"webhook-timestamp": [b"1705750800"], "webhook-signature": [value]}

    moved = Case("standard-webhooks", body=b"{}", headers={"webhook-id": [b"msg.1705750800"], **signed})

    with pytest.raises(InvalidSignature, match="full stop"):
        moved.verify()


@pytest.mark.parametrize("token", [None, "", "wrong", "é", "\ud800", "\0", "a-secret-of-the-platform\0", "x" * 8192])
def test_a_wrong_token_in_the_address_is_refused(token: str | None) -> None:
    with pytest.raises(InvalidSignature):
        Case("token", headers={}, query_token=token).verify()


def test_a_wrong_bearer_token_is_not_mended_by_a_right_one_in_the_address() -> None:
    case = Case("token", headers={"authorization": [b"Bearer wrong"]}, query_token=SECRET.decode())

    with pytest.raises(InvalidSignature):
        case.verify()


def test_what_is_not_signed_needs_no_secret_and_names_none() -> None:
    assert not SCHEMES["none"].needs_secret
    assert Case("none", secrets={}, headers={}).verify() == ""
    assert sign("none", BODY, b"") == {}


def test_a_refusal_names_what_the_scheme_asks_for() -> None:
    assert {scheme: SCHEMES[scheme].asked for scheme in ASKED} == ASKED
    for scheme, request in (("token", b"Bearer wrong"), ("basic", b"Basic " + base64.b64encode(b"wrong"))):
        with pytest.raises(InvalidSignature, match=f"the {ASKED[scheme]} is none of the configured secrets"):
            Case(scheme).with_signature(request).verify()
    with pytest.raises(InvalidSignature, match="no token has the form of one"):
        verify("oidc", SignedRequest(b"", {"authorization": [b"Bearer x"]}), {}, header=None, tolerance=1, now=0,
               unread=True)  # fmt: skip
