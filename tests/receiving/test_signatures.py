"""Only the documented spellings of a genuine signature pass, and nothing else ever raises anything else."""

import base64
import contextlib
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from relay.errors import InvalidSignature
from relay.receiving.schemes import SCHEMES, SignedRequest
from relay.receiving.signatures import sign, signed_id, verify

BODY = b'{"event":"operation.progress","operation":{"operationId":"op-1"}}'
SECRET = b"a-secret-of-the-platform"
NOW = 1_705_750_800.0
TOLERANCE = 300.0
SIGNING = [name for name, scheme in SCHEMES.items() if scheme.needs_secret]
TIMED = ["standard-webhooks", "stripe", "slack"]

Headers = Mapping[str, list[bytes]]


@dataclass(frozen=True)
class Case:
    """A good request of one scheme; tests change one thing."""

    scheme: str
    body: bytes = BODY
    secrets: Mapping[str, bytes] = field(default_factory=lambda: {"current": SECRET})
    headers: Headers | None = None
    header: str | None = None
    query_token: str | None = None
    now: float = NOW

    @property
    def good(self) -> Headers:
        signed = sign(self.scheme, BODY, SECRET, header=self.header, message_id="msg-1", timestamp=NOW)
        return {name.lower(): [value.encode()] for name, value in signed.items()}

    @property
    def signature(self) -> bytes:
        """The value of the header that holds the signature."""
        return self.good[self.name][0]

    @property
    def name(self) -> str:
        return (self.header or SCHEMES[self.scheme].header).lower()

    def with_signature(self, *values: bytes) -> "Case":
        return replace(self, headers={**self.good, self.name: list(values)})

    def verify(self) -> str:
        headers = self.good if self.headers is None else self.headers
        request = SignedRequest(self.body, headers, self.query_token)
        return verify(self.scheme, request, self.secrets, header=self.header, tolerance=TOLERANCE, now=self.now)


def hexed(body: bytes = BODY, secret: bytes = SECRET) -> bytes:
    return hmac.new(secret, body, hashlib.sha256).hexdigest().encode()


def based(body: bytes = BODY, secret: bytes = SECRET) -> bytes:
    return base64.b64encode(hmac.new(secret, body, hashlib.sha256).digest())


@pytest.mark.parametrize("scheme", SIGNING)
def test_a_good_request_is_verified_and_names_its_secret(scheme: str) -> None:
    assert Case(scheme).verify() == "current"


@pytest.mark.parametrize("scheme", SIGNING)
def test_during_a_rotation_the_secret_that_signed_is_named(scheme: str) -> None:
    case = Case(
        scheme, secrets={"next": b"the-secret-of-next-month", "current": SECRET, "old": b"the-old-secret-of-may"}
    )

    assert case.verify() == "current"


@pytest.mark.parametrize("scheme", SIGNING)
@pytest.mark.parametrize(
    "secrets", [{}, {"current": b""}, {"current": b"another-secret-altogether"}, {"current": SECRET + b"!"}], ids=str
)
def test_without_the_secret_that_signed_nothing_passes(scheme: str, secrets: dict[str, bytes]) -> None:
    with pytest.raises(InvalidSignature):
        Case(scheme, secrets=secrets).verify()


@pytest.mark.parametrize("scheme", [name for name in SIGNING if name != "token"])
def test_an_empty_secret_matches_not_even_its_own_signature(scheme: str) -> None:
    forged = sign(scheme, BODY, b"", message_id="msg-1", timestamp=NOW)
    case = Case(scheme, secrets={"current": b""}, headers={k.lower(): [v.encode()] for k, v in forged.items()})

    with pytest.raises(InvalidSignature):
        case.verify()


@pytest.mark.parametrize("scheme", SIGNING)
def test_a_request_without_headers_is_refused(scheme: str) -> None:
    with pytest.raises(InvalidSignature):
        Case(scheme, headers={}).verify()


@pytest.mark.parametrize("scheme", SIGNING)
def test_every_signature_header_is_required_once(scheme: str) -> None:
    case = Case(scheme)

    for name, values in case.good.items():
        for wrong in ([], [b""], values * 2, [*values, b""]):
            with pytest.raises(InvalidSignature):
                replace(case, headers={**case.good, name: wrong}).verify()


@pytest.mark.parametrize("scheme", [name for name in SIGNING if name != "token"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        BODY + b" ",
        b" " + BODY,
        b"\xef\xbb\xbf" + BODY,
        json.dumps(json.loads(BODY)).encode(),
        BODY.replace(b"op-1", b"op-2"),
        BODY[:-1] + b',"event":"operation.failed"}',
        b"\xff\xfe\x00",
    ],
    ids=repr,
)
def test_only_the_bytes_that_were_signed_pass(scheme: str, body: bytes) -> None:
    with pytest.raises(InvalidSignature):
        Case(scheme, body=body).verify()


@pytest.mark.parametrize("scheme", [name for name in SIGNING if name != "token"])
def test_a_body_that_is_no_text_can_be_signed(scheme: str) -> None:
    body = b"\xff\x00\xfe"
    signed = sign(scheme, body, SECRET, message_id="msg-1", timestamp=NOW)

    headers = {name.lower(): [value.encode()] for name, value in signed.items()}

    assert Case(scheme, body=body, headers=headers).verify() == "current"


ACCEPTED_SPELLINGS = {
    "prefix": ("hmac-sha256", b"sha256=" + hexed()),
    "no prefix": ("hmac-sha256", hexed()),
    "capitals": ("hmac-sha256", hexed().upper()),
    "prefix and capitals": ("hmac-sha256", b"sha256=" + hexed().upper()),
    "base64": ("hmac-sha256", based()),
    "prefix and base64": ("hmac-sha256", b"sha256=" + based()),
    "white space around": ("hmac-sha256", b" sha256=" + hexed() + b"\t"),
    "second of a list": ("hmac-sha256", b"sha256=" + b"0" * 64 + b", sha256=" + hexed()),
    "list with gaps": ("hmac-sha256", b",, " + hexed() + b",,"),
    "list of mixed spellings": ("hmac-sha256", based(secret=b"other") + b"," + based()),
    "github": ("github", b"sha256=" + hexed()),
    "token": ("token", b"Bearer " + SECRET),
    "token, bearer in small letters": ("token", b"bearer " + SECRET),
    "token, more spaces": ("token", b"Bearer   " + SECRET),
}


@pytest.mark.parametrize(("scheme", "value"), ACCEPTED_SPELLINGS.values(), ids=ACCEPTED_SPELLINGS)
def test_the_documented_spellings_pass(scheme: str, value: bytes) -> None:
    assert Case(scheme).with_signature(value).verify() == "current"


REFUSED_SPELLINGS = {
    "empty item": ("hmac-sha256", b","),
    "prefix alone": ("hmac-sha256", b"sha256="),
    "truncated": ("hmac-sha256", b"sha256=" + hexed()[:-1]),
    "half": ("hmac-sha256", b"sha256=" + hexed()[:32]),
    "one digit more": ("hmac-sha256", b"sha256=" + hexed() + b"0"),
    "twice in a row": ("hmac-sha256", b"sha256=" + hexed() * 2),
    "sha1 prefix": ("hmac-sha256", b"sha1=" + hexed()),
    "sha512 prefix": ("hmac-sha256", b"sha512=" + hexed()),
    "md5 prefix": ("hmac-sha256", b"md5=" + hexed()),
    "none prefix": ("hmac-sha256", b"none=" + hexed()),
    "empty prefix": ("hmac-sha256", b"=" + hexed()),
    "prefix in capitals": ("hmac-sha256", b"SHA256=" + hexed()),
    "prefix twice": ("hmac-sha256", b"sha256=sha256=" + hexed()),
    "space after prefix": ("hmac-sha256", b"sha256= " + hexed()),
    "space inside": ("hmac-sha256", hexed()[:32] + b" " + hexed()[32:]),
    "list by semicolon": ("hmac-sha256", b"sha256=" + hexed() + b";sha256=" + hexed()),
    "real sha1": ("hmac-sha256", b"sha1=" + hmac.new(SECRET, BODY, hashlib.sha1).hexdigest().encode()),
    "real sha512": ("hmac-sha256", hmac.new(SECRET, BODY, hashlib.sha512).hexdigest().encode()),
    "hash without key": ("hmac-sha256", hashlib.sha256(BODY).hexdigest().encode()),
    "hash of key and body": ("hmac-sha256", hashlib.sha256(SECRET + BODY).hexdigest().encode()),
    "raw digest": ("hmac-sha256", hmac.new(SECRET, BODY, hashlib.sha256).digest()),
    "base64 without padding": ("hmac-sha256", based().rstrip(b"=")),
    "base64 for addresses": ("hmac-sha256", based(BODY + b"?").translate(bytes.maketrans(b"+/", b"-_"))),
    "base64 in capitals": ("hmac-sha256", based().upper()),
    "base64 of the hexadecimal": ("hmac-sha256", base64.b64encode(hexed())),
    "escaped": ("hmac-sha256", b"%" + hexed().hex().encode()),
    "with 0x": ("hmac-sha256", b"0x" + hexed()),
    "with dashes": ("hmac-sha256", b"-".join(hexed()[i : i + 2] for i in range(0, 64, 2))),
    "quoted": ("hmac-sha256", b'"' + hexed() + b'"'),
    "full-width digits": ("hmac-sha256", hexed().decode().translate({48 + i: 0xFF10 + i for i in range(10)}).encode()),
    "not ASCII": ("hmac-sha256", "sha256=é".encode()),
    "not UTF-8": ("hmac-sha256", b"sha256=\xff\xfe"),
    "NUL": ("hmac-sha256", b"\0"),
    "NUL after": ("hmac-sha256", hexed() + b"\0"),
    "true": ("hmac-sha256", b"true"),
    "star": ("hmac-sha256", b"*"),
    "8 kB": ("hmac-sha256", b"a" * 8192),
    "8 kB of commas": ("hmac-sha256", b"," * 8192),
    "the secret itself": ("hmac-sha256", SECRET),
    "github without prefix": ("github", hexed()),
    "github in capitals": ("github", b"sha256=" + hexed().upper()),
    "github in base64": ("github", b"sha256=" + based()),
    "github as list": ("github", b"sha256=" + hexed() + b",sha256=" + hexed()),
    "github sha1": ("github", b"sha1=" + hexed()),
    "github garbage": ("github", b"\xff=\xff=\xff"),
    "standard garbage": ("standard-webhooks", b"garbage"),
    "standard without version": ("standard-webhooks", based()),
    "standard v1 alone": ("standard-webhooks", b"v1"),
    "standard v1 and comma": ("standard-webhooks", b"v1,"),
    "standard three parts": ("standard-webhooks", b"v1,a,b"),
    "standard not ASCII": ("standard-webhooks", "v1,é".encode()),
    "standard body alone": ("standard-webhooks", b"v1," + based()),
    "standard hexadecimal": ("standard-webhooks", b"v1," + hexed(b"msg-1.1705750800." + BODY)),
    "standard without padding": ("standard-webhooks", b"v1," + based(b"msg-1.1705750800." + BODY).rstrip(b"=")),
    "standard v2": ("standard-webhooks", b"v2," + based(b"msg-1.1705750800." + BODY)),
    "standard V1": ("standard-webhooks", b"V1," + based(b"msg-1.1705750800." + BODY)),
    "standard asymmetric": ("standard-webhooks", b"v1a," + based(b"msg-1.1705750800." + BODY)),
    "standard by comma": ("standard-webhooks", b"v1," + based(b"msg-1.1705750800." + BODY) + b",v1,x"),
    "stripe without time": ("stripe", b"v1=" + hexed(b"1705750800." + BODY)),
    "stripe without signature": ("stripe", b"t=1705750800"),
    "stripe v0": ("stripe", b"t=1705750800,v0=" + hexed(b"1705750800." + BODY)),
    "stripe two times": ("stripe", b"t=1705750800,t=1705750800,v1=" + hexed(b"1705750800." + BODY)),
    "stripe body alone": ("stripe", b"t=1705750800,v1=" + hexed()),
    "stripe empty pairs": ("stripe", b"=,=,="),
    "stripe garbage": ("stripe", b"\xff,t,v1,==="),
    "token without Bearer": ("token", SECRET),
    "token with Basic": ("token", b"Basic " + SECRET),
    "token in base64": ("token", b"Basic " + base64.b64encode(b"relay:" + SECRET)),
    "Bearer alone": ("token", b"Bearer"),
    "Bearer and a space": ("token", b"Bearer "),
    "token truncated": ("token", b"Bearer " + SECRET[:-1]),
    "token with NUL": ("token", b"Bearer " + SECRET + b"\0"),
    "token in capitals": ("token", b"Bearer " + SECRET.upper()),
    "two tokens": ("token", b"Bearer " + SECRET + b" " + SECRET),
    "two tokens by comma": ("token", b"Bearer x, Bearer " + SECRET),
    "token with a tab": ("token", b"Bearer\t" + SECRET),
}  # fmt: skip


@pytest.mark.parametrize(("scheme", "value"), REFUSED_SPELLINGS.values(), ids=REFUSED_SPELLINGS)
def test_other_spellings_are_refused(scheme: str, value: bytes) -> None:
    with pytest.raises(InvalidSignature):
        Case(scheme).with_signature(value).verify()


def test_the_header_s_name_is_configurable() -> None:
    case = Case("hmac-sha256", header="X-Mindzie-Signature")

    assert list(case.good) == ["x-mindzie-signature"]
    assert case.verify() == "current"


def test_under_another_name_than_the_configured_one_a_signature_is_missing() -> None:
    case = Case("hmac-sha256", header="X-Mindzie-Signature", headers={"x-webhook-signature": [hexed()]})

    with pytest.raises(InvalidSignature, match="x-mindzie-signature"):
        case.verify()


def test_the_published_example_of_standard_webhooks_passes() -> None:
    request = SignedRequest(
        b'{"test": 2432232314}',
        {
            "webhook-id": [b"msg_p5jXN8AQM9LWM0D4loKWxJek"],
            "webhook-timestamp": [b"1614265330"],
            "webhook-signature": [b"v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="],
        },
    )
    secrets = {"current": b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}

    assert verify("standard-webhooks", request, secrets, header=None, tolerance=300, now=1614265330) == "current"


def test_the_published_example_of_github_passes() -> None:
    digest = b"757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    request = SignedRequest(b"Hello, World!", {"x-hub-signature-256": [b"sha256=" + digest]})
    secrets = {"current": b"It's a Secret to Everybody"}

    assert verify("github", request, secrets, header=None, tolerance=300, now=0) == "current"


def test_standard_webhooks_takes_several_signatures_and_ignores_other_versions() -> None:
    case = Case("standard-webhooks")

    value = b"v1a,x v1," + based(secret=b"old") + b" " + case.signature + b" v2,y"

    assert case.with_signature(value).verify() == "current"


STANDARD = ("id", "timestamp", "signature")


def in_svix(*parts: str) -> dict[str, list[bytes]]:
    """A good request's headers, these of them in Svix's spelling."""
    good = Case("standard-webhooks").good
    return {f"{'svix' if part in parts else 'webhook'}-{part}": good[f"webhook-{part}"] for part in STANDARD}


def test_standard_webhooks_may_be_spelled_as_svix_does() -> None:
    case = Case("standard-webhooks", headers=in_svix(*STANDARD))

    assert case.verify() == "current"
    assert signed_id("standard-webhooks", SignedRequest(BODY, case.headers or {})) == b"msg-1"


@pytest.mark.parametrize(
    "parts", [("id",), ("timestamp",), ("signature",), ("id", "timestamp"), ("id", "signature"),
              ("timestamp", "signature")],
    ids=" ".join,
)  # fmt: skip
def test_a_mixture_of_the_two_spellings_is_refused(parts: tuple[str, ...]) -> None:
    with pytest.raises(InvalidSignature):
        Case("standard-webhooks", headers=in_svix(*parts)).verify()


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_one_header_of_the_other_spelling_spoils_a_good_request_of_svix(name: str) -> None:
    with pytest.raises(InvalidSignature):
        Case("standard-webhooks", headers={**in_svix(*STANDARD), name: [b"msg-2"]}).verify()


def test_of_both_spellings_in_full_the_standard_one_counts() -> None:
    other = {"svix-id": [b"msg-2"], "svix-timestamp": [b"1"], "svix-signature": [b"v1,x"]}
    case = Case("standard-webhooks", headers={**in_svix(), **other})

    assert case.verify() == "current"
    assert signed_id("standard-webhooks", SignedRequest(BODY, case.headers or {})) == b"msg-1"


@pytest.mark.parametrize("scheme", [name for name in SCHEMES if name != "standard-webhooks"])
def test_no_other_scheme_signs_an_id(scheme: str) -> None:
    headers = {"webhook-id": [b"msg-1"], "svix-id": [b"msg-1"], "ce-id": [b"msg-1"]}

    assert signed_id(scheme, SignedRequest(BODY, headers)) == b""


def test_stripe_takes_several_signatures_in_any_order() -> None:
    case = Case("stripe")
    time, _, signature = case.signature.partition(b",")

    assert case.with_signature(b"v0=x, v1=" + b"0" * 64 + b", " + signature + b", " + time).verify() == "current"


@pytest.mark.parametrize("secret", [b"whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ=", b"whsec_c2VjcmV0LXNlY3JldC1zZWNyZXQ"])
def test_a_whsec_secret_is_base64_of_the_key_with_or_without_padding(secret: bytes) -> None:
    case = Case("standard-webhooks", secrets={"current": secret})
    signed = b"msg-1.1705750800." + BODY

    case = case.with_signature(b"v1," + based(signed, b"secret-secret-secret"))

    assert case.verify() == "current"


def test_a_whsec_secret_that_is_no_base64_is_the_key_itself() -> None:
    secret = b"whsec_no base64 at all!"
    case = Case("standard-webhooks", secrets={"current": secret})

    case = case.with_signature(b"v1," + based(b"msg-1.1705750800." + BODY, secret))

    assert case.verify() == "current"


def test_a_full_stop_in_the_webhook_id_cannot_move_the_boundary_of_what_is_signed() -> None:
    body = b"1705750800.{}"
    value = b"v1," + based(b"msg.1705750800." + body)
    signed = {"webhook-timestamp": [b"1705750800"], "webhook-signature": [value]}

    moved = Case("standard-webhooks", body=b"{}", headers={"webhook-id": [b"msg.1705750800"], **signed})

    with pytest.raises(InvalidSignature, match="full stop"):
        moved.verify()


@pytest.mark.parametrize("scheme", TIMED)
@pytest.mark.parametrize("skew", [-TOLERANCE, -1, 0, 1, TOLERANCE])
def test_within_the_tolerance_the_time_does_not_matter(scheme: str, skew: float) -> None:
    assert Case(scheme, now=NOW + skew).verify() == "current"


@pytest.mark.parametrize("scheme", TIMED)
@pytest.mark.parametrize("skew", [-1e12, -TOLERANCE - 1, TOLERANCE + 1, 1e12])
def test_a_captured_request_is_refused_once_it_is_older_than_the_tolerance(scheme: str, skew: float) -> None:
    with pytest.raises(InvalidSignature, match="old"):
        Case(scheme, now=NOW + skew).verify()


@pytest.mark.parametrize("scheme", ["hmac-sha256", "github", "token"])
def test_schemes_without_a_time_do_not_age(scheme: str) -> None:
    assert Case(scheme, now=NOW * 2).verify() == "current"


TIMESTAMPS = [
    b"abc", b"", b"nan", b"inf", b"-inf", b"1e9", b"1_705_750_800", b"+1705750800", b"-1705750800", b"1705750800.0",
    b"01705750800" * 2, b"1" * 5000, b"0x65abb850", b"1705750800000", b"1705750800\n", b"\xff", b"\0",
    "１７０５７５０８００".encode(),
]  # fmt: skip


@pytest.mark.parametrize("timestamp", [*TIMESTAMPS, b" 1705750800", b"1705750800 "], ids=lambda said: repr(said[:24]))
def test_a_time_that_is_no_number_of_seconds_is_refused_even_when_signed(timestamp: bytes) -> None:
    case = Case("standard-webhooks")
    signature = b"v1," + based(b"msg-1." + timestamp + b"." + BODY)

    headers = {**case.good, "webhook-timestamp": [timestamp], "webhook-signature": [signature]}

    with pytest.raises(InvalidSignature):
        replace(case, headers=headers).verify()


@pytest.mark.parametrize("timestamp", TIMESTAMPS, ids=lambda said: repr(said[:24]))
def test_nor_does_stripe_s_time_pass_unless_it_is_a_number_of_seconds(timestamp: bytes) -> None:
    value = b"t=" + timestamp + b",v1=" + hexed(timestamp + b"." + BODY)

    with pytest.raises(InvalidSignature):
        Case("stripe").with_signature(value).verify()


def test_a_token_may_stand_in_the_address() -> None:
    assert Case("token", headers={}, query_token=SECRET.decode()).verify() == "current"


@pytest.mark.parametrize("token", [None, "", "wrong", "é", "\ud800", "\0", "a-secret-of-the-platform\0", "x" * 8192])
def test_a_wrong_token_in_the_address_is_refused(token: str | None) -> None:
    with pytest.raises(InvalidSignature):
        Case("token", headers={}, query_token=token).verify()


def test_a_wrong_bearer_token_is_not_mended_by_a_right_one_in_the_address() -> None:
    case = Case("token", headers={"authorization": [b"Bearer wrong"]}, query_token=SECRET.decode())

    with pytest.raises(InvalidSignature):
        case.verify()


def test_a_header_of_its_own_holds_the_bare_token() -> None:
    case = Case("token", header="X-Api-Key")

    assert case.signature == SECRET
    assert case.verify() == "current"


def test_what_is_not_signed_needs_no_secret_and_names_none() -> None:
    assert not SCHEMES["none"].needs_secret
    assert Case("none", secrets={}, headers={}).verify() == ""
    assert sign("none", BODY, b"") == {}


# What is still the genuine signature after a mutation, told independently of the code: white space, order, prefix.
GENUINE = {
    "hmac-sha256": rb"(^|,)[ \t]*(sha256=)?(?i:%s)[ \t]*(,|$)",
    "github": rb"^sha256=%s$",
    "standard-webhooks": rb"(^| )[ \t]*v1,%s[ \t]*( |$)",
    "stripe": rb"^(?=(.*,)?[ \t]*t=1705750800[ \t]*(,|$))(.*,)?[ \t]*v1=%s[ \t]*(,|$)",
    "slack": rb"^v0=%s$",
    "token": rb"^(?i:bearer) +%s *$",
}


@pytest.mark.parametrize("scheme", SIGNING)
def test_no_single_bit_may_differ(scheme: str) -> None:
    case = Case(scheme)
    parts = {name: values[0] for name, values in case.good.items()} | ({} if scheme == "token" else {"body": BODY})
    accepted = set()

    for name, good in parts.items():
        for place in range(len(good) * 8):
            value = bytearray(good)
            value[place // 8] ^= 1 << place % 8
            change = {"body": bytes(value)} if name == "body" else {"headers": {**case.good, name: [bytes(value)]}}
            with contextlib.suppress(InvalidSignature):
                replace(case, **change).verify()
                accepted.add(bytes(value))

    # The case of hexadecimal digits, and that of "Bearer", is no difference.
    assert {value.lower() for value in accepted} <= {case.signature.lower()}
    assert not accepted or scheme in ("hmac-sha256", "token")


def spliced(good: bytes) -> st.SearchStrategy[bytes]:
    """The good bytes with a slice of them replaced."""
    place = st.integers(0, len(good))
    return st.builds(
        lambda start, length, new: good[:start] + new + good[start + length :],
        place, st.integers(0, 3) | place, st.binary(max_size=4) | st.sampled_from([b",", b" ", b"=", b"v1", b"\xff"]),
    )  # fmt: skip


@pytest.mark.parametrize("scheme", SIGNING)
@settings(max_examples=250, deadline=None)
@given(data=st.data())
def test_no_altered_request_is_accepted_and_none_raises_anything_else(scheme: str, data: st.DataObject) -> None:
    case = Case(scheme)
    name = data.draw(st.sampled_from(["body", *case.good]))
    if name == "body":
        altered = replace(case, body=data.draw(spliced(BODY)))
        assume(altered.body != BODY and scheme != "token")
    else:
        value = data.draw(spliced(case.good[name][0]))
        signature = re.escape(re.split(rb"[ ,=]", case.signature, maxsplit=1 if scheme != "stripe" else 3)[-1])
        assume(value != case.good[name][0])
        assume(name != case.name or not re.search(GENUINE[scheme] % signature, value, re.DOTALL))
        altered = replace(case, headers={**case.good, name: [value]})

    with pytest.raises(InvalidSignature):
        altered.verify()


@pytest.mark.parametrize("scheme", SIGNING)
@settings(max_examples=100, deadline=None)
@given(
    values=st.fixed_dictionaries({}, optional={name: st.lists(st.binary(), max_size=3) for name in (
        "authorization", "webhook-id", "webhook-timestamp", "webhook-signature", "stripe-signature",
        "x-webhook-signature", "x-hub-signature-256", "x-slack-signature",
        "x-slack-request-timestamp")}),
    token=st.none() | st.text(), body=st.binary(), now=st.floats(allow_nan=False, allow_infinity=False),
)  # fmt: skip
def test_random_requests_are_refused(scheme: str, values: Headers, token: str | None, body: bytes, now: float) -> None:
    with pytest.raises(InvalidSignature):
        Case(scheme, body=body, headers=values, query_token=token, now=now).verify()
