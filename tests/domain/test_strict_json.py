"""decode: JSON that every reader reads the same."""

import json
from random import Random
from typing import Any

import pytest

from relay.domain.strict_json import decode
from relay.errors import NotJson


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"null", b"[]", b"1", b'"x"', b"{", b"{} {}", b"\xef\xbb\xbf{}", '{"a": "ä"}'.encode("latin-1"),
        "{}".encode("utf-16"), b'{"a": NaN}', b'{"a": -Infinity}', b'{"a": 1e999}', b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}', b'{"a": "\\ud800"}', b'{"a": ' + b"9" * 400 + b"}", b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a":' * 33 + b"1" + b"}" * 33, b"[" * 100_000, b'{"a": 9223372036854775808}',
    ],
)  # fmt: skip
def test_json_that_readers_could_differ_on_is_refused(raw: bytes) -> None:
    with pytest.raises(NotJson):
        decode(raw)


def test_plain_json_is_read() -> None:
    document = {"a": [1, 2.5, "ä\u0000", None, True, {"b": {}}], "big": 2**63 - 1}

    assert decode(json.dumps(document).encode()) == document


class TestGenerated:
    """Whatever it looks like, it is read as a parser reads it that looks at every pair of every object."""

    TEXTS = ("a", "b", "ab", ":", '":', "\\", '\\"', "\\\\", "a\\", '"', "ä", "\u0000", "{", "[", "1e9", "0" * 20, "")
    NUMBERS = ("0", "-1", "1.5", "1e5", "1E-3", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
               "1e308", "1e999", "-1e400", "0.00000000000000000000001", "12345678901234567890.5")  # fmt: skip
    SPACE = ("", "", " ", "\n\t")

    def text(self, pick: Random) -> str:
        value = "".join(pick.choice(self.TEXTS) for _ in range(pick.randrange(3)))
        written = json.dumps(value, ensure_ascii=pick.random() < 0.5)
        return written.replace("a", "\\u0061") if pick.random() < 0.2 else written

    def value(self, pick: Random, depth: int) -> str:
        space = pick.choice(self.SPACE)
        match pick.randrange(7 if depth else 4):
            case 0:
                return space + pick.choice(self.NUMBERS if pick.random() < 0.3 else self.NUMBERS[:5])
            case 1:
                return space + pick.choice(("true", "false", "null"))
            case 2 | 3:
                return space + self.text(pick)
            case 4:
                return space + "[" + ",".join(self.value(pick, depth - 1) for _ in range(pick.randrange(4))) + "]"
        members = (f"{self.text(pick)}{space}:{self.value(pick, depth - 1)}" for _ in range(pick.randrange(4)))
        return space + "{" + ",".join(members) + "}"

    def body(self, pick: Random) -> bytes:
        deep = pick.choice((0, 0, 0, 25, 31, 32, 40))
        document = '{"a":' * deep + self.value(pick, 4) + "}" * deep
        return document.encode()

    @pytest.mark.parametrize("seed", range(4))
    def test_it_is_read_as_pair_by_pair(self, seed: int) -> None:
        pick, same = Random(seed), 0
        for _ in range(1500):
            raw = self.body(pick)
            expected = pair_by_pair(raw)
            try:
                read = decode(raw)
            except NotJson:
                read = None
            assert read == expected, raw
            same += expected is not None
        assert 300 < same < 1200  # of either kind there were many


def pair_by_pair(raw: bytes) -> dict[str, Any] | None:
    def whole(digits: str) -> int:
        if abs(number := int(digits)) >= 2**63:
            raise ValueError(digits)
        return number

    def finite(digits: str) -> float:
        if abs(number := float(digits)) == float("inf"):
            raise ValueError(digits)
        return number

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise ValueError(pairs)
        return dict(pairs)

    def depth(value: object) -> int:
        children = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 0 if children is None else 1 + max(map(depth, children), default=0)

    try:
        document = json.loads(raw, object_pairs_hook=unique, parse_int=whole, parse_float=finite)
    except ValueError:
        return None
    return document if isinstance(document, dict) and depth(document) <= 32 else None
