"""A genuine signature passes, in time, and nothing else ever raises anything else."""

import json
from dataclasses import replace

import pytest

from relay.errors import InvalidSignature
from relay.receiving.scheme import SignedRequest
from relay.receiving.signatures import sign, verify
from tests.receiving.signed_requests import BODY, COVERING, NOW, SECRET, SIGNING, TIMED, TOLERANCE, Case, based


@pytest.mark.parametrize("scheme", SIGNING)
def test_headers_alone_are_refused_only_if_no_body_could_make_them_genuine(scheme: str) -> None:
    case = Case(scheme)
    rules = {"header": None, "tolerance": TOLERANCE, "now": NOW}

    verify(scheme, SignedRequest(b"", case.good), case.secrets, unread=True, **rules)  # type: ignore[arg-type]

    for values in ([], [b"sha256=abc"], [case.signature, case.signature]):
        headers = {**case.good, case.name: values}
        with pytest.raises(InvalidSignature):
            verify(scheme, SignedRequest(b"", headers), case.secrets, unread=True, **rules)  # type: ignore[arg-type]


@pytest.mark.parametrize("scheme", SIGNING)
@pytest.mark.parametrize(
    "secrets", [{}, {"current": b""}, {"current": b"another-secret-altogether"}, {"current": SECRET + b"!"}], ids=str
)
def test_without_the_secret_that_signed_nothing_passes(scheme: str, secrets: dict[str, bytes]) -> None:
    with pytest.raises(InvalidSignature):
        Case(scheme, secrets=secrets).verify()


@pytest.mark.parametrize("scheme", COVERING)
def test_an_empty_secret_matches_not_even_its_own_signature(scheme: str) -> None:
    forged = sign(scheme, BODY, b"", message_id="msg-1", timestamp=NOW)
    case = Case(scheme, secrets={"current": b""}, headers={k.lower(): [v.encode()] for k, v in forged.items()})

    with pytest.raises(InvalidSignature):
        case.verify()


@pytest.mark.parametrize("scheme", SIGNING)
def test_every_signature_header_is_required_once(scheme: str) -> None:
    case = Case(scheme)

    for name, values in case.good.items():
        for wrong in ([], [b""], values * 2, [*values, b""]):
            with pytest.raises(InvalidSignature):
                replace(case, headers={**case.good, name: wrong}).verify()


@pytest.mark.parametrize("scheme", COVERING)
@pytest.mark.parametrize("body", [
    b"",
    BODY + b" ",
    b" " + BODY,
    b"\xef\xbb\xbf" + BODY,
    json.dumps(json.loads(BODY)).encode(),
    BODY.replace(b"op-1", b"op-2"),
    BODY[:-1] + b',"event":"operation.failed"}',
    b"\xff\xfe\x00",
], ids=repr)  # fmt: skip
def test_only_the_bytes_that_were_signed_pass(scheme: str, body: bytes) -> None:
    with pytest.raises(InvalidSignature):
        Case(scheme, body=body).verify()


@pytest.mark.parametrize("scheme", TIMED)
@pytest.mark.parametrize("skew", [-TOLERANCE, -1, 0, 1, TOLERANCE])
def test_within_the_tolerance_the_time_does_not_matter(scheme: str, skew: float) -> None:
    assert Case(scheme, now=NOW + skew).verify() == "current"


@pytest.mark.parametrize("scheme", TIMED)
@pytest.mark.parametrize("skew", [-1e12, -TOLERANCE - 1, TOLERANCE + 1, 1e12])
def test_a_captured_request_is_refused_once_it_is_older_than_the_tolerance(scheme: str, skew: float) -> None:
    with pytest.raises(InvalidSignature, match="old"):
        Case(scheme, now=NOW + skew).verify()


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
