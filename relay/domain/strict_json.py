"""JSON that every reader reads the same, or none. Pure.

One parser reads it, which keeps the last of two equal keys in silence; whether there were any is counted. Valid JSON
has one colon for each member and no other outside of its texts, so the document has fewer members than its text has
colons if and only if a key stood twice in an object. What is outside of the texts is every other piece between quotes,
once the quotes within texts are gone: a backslash begins an escape there, so pairs of them go first, and a quote that
then has one before it ends no text. (2.5 times as fast as a parser that is asked about each object.)
"""

from typing import Any

from pydantic_core import from_json

from relay.errors import NotJson

MAX_DEPTH = 32
MAX_INTEGER = 2**63
LONG = b"0" * 19  # digits that an integer over 64 bits has at least
# What is left of numbers: a 0 for each digit, and the e of an exponent.
SHAPE = bytes(0x30 if chr(byte).isdigit() else 0x65 if chr(byte) in "eE" else 0x20 for byte in range(128)) + b" " * 128


def decode(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`, if every reader would read the same in it; raises NotJson.

    Stricter than the standard library: no duplicate keys, NaN, Infinity, lone surrogates, integers over
    64 bits, byte order marks, or more than `MAX_DEPTH` levels.
    """
    try:
        # Rust: bounded depth, and strict UTF-8 with whole surrogate pairs
        document = from_json(raw, allow_inf_nan=False, cache_strings="keys")
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None
    if not isinstance(document, dict):
        raise NotJson("expected an object at the top")
    text = raw.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in raw else raw
    outside = b"".join(text.split(b'"')[::2])
    if outside.count(b"{") + outside.count(b"[") > MAX_DEPTH:
        _check_depth(document)
    if outside.count(b":") != _members(document):
        raise NotJson("an object has the same key twice")
    shape = outside.translate(SHAPE)
    if LONG in shape or b"0e" in shape:
        _check_numbers(document)
    return document


def _members(document: dict[str, Any]) -> int:
    """Of all objects in it, however deep."""
    count = 0
    values: list[Any] = [document]  # which grows while it is gone through
    for value in values:
        children = value
        if type(value) is dict:  # the parser makes no subclasses, and this is asked of every value of every event
            count += len(value)
            children = value.values()
        for child in children:
            kind = type(child)
            if kind is dict or kind is list:
                values.append(child)
    return count


def _check_depth(document: object) -> None:
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [child for value in level if isinstance(value, dict | list)
                 for child in (value.values() if isinstance(value, dict) else value)]  # fmt: skip
        if not level:
            return
    if any(isinstance(value, dict | list) for value in level):
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels")


def _check_numbers(value: object) -> None:
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            _check_numbers(child)
    elif isinstance(value, int) and abs(value) >= MAX_INTEGER:
        raise NotJson("an integer needs more than 64 bits")
    elif isinstance(value, float) and value in (float("inf"), float("-inf")):
        raise NotJson("a number is too large")
