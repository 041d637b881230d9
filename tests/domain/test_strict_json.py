"""decode: JSON that every reader reads the same."""

import json

import pytest

from relay.domain.documents import decode
from relay.errors import NotJson


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"null", b"[]", b"1", b'"x"', b"{", b"{} {}", b"\xef\xbb\xbf{}", '{"a": "ä"}'.encode("latin-1"),
        "{}".encode("utf-16"), b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1e999}',
        b'{"a": "\\ud800"}', b'{"a": ' + b"9" * 400 + b"}", b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a":' * 33 + b"1" + b"}" * 33, b'{"a": ' + b"1" * 5000 + b"e-4990}",
        b"[" * 100_000, b'{"a": 9223372036854775808}',
    ],
)  # fmt: skip
def test_json_that_readers_could_differ_on_is_refused(raw: bytes) -> None:
    with pytest.raises(NotJson):
        decode(raw)


def test_plain_json_is_read() -> None:
    document = {"a": [1, 2.5, "ä\u0000", None, True, {"b": {}}], "big": 2**63 - 1}

    assert decode(json.dumps(document).encode()) == document


def test_of_a_key_that_is_given_twice_the_last_one_counts() -> None:
    assert decode(b'{"a": {"b": 1, "b": 2}, "a": 3, "c": {"d": 4, "d": 5}}') == {"a": 3, "c": {"d": 5}}
