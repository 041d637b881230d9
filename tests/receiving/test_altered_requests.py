"""No altered request passes, whatever is changed about it."""

import contextlib
import re
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from relay.errors import InvalidSignature
from tests.receiving.signed_requests import BODY, SIGNING, Case

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


@pytest.mark.slow
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
