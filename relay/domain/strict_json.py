"""JSON that every reader reads the same, or none. Pure."""

import json
from typing import Any

from pydantic_core import from_json

from relay.errors import NotJson

MAX_DEPTH = 32
MAX_INTEGER = 2**63


def decode(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`, if every reader would read the same in it; raises NotJson.

    Stricter than the standard library: no duplicate keys, NaN, Infinity, lone surrogates, integers over
    64 bits, byte order marks, or more than `MAX_DEPTH` levels.
    """
    try:
        from_json(raw, allow_inf_nan=False)  # Rust: bounded depth, and strict UTF-8 with whole surrogate pairs
        document = json.loads(raw, object_pairs_hook=_unique, parse_int=_integer, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None
    if not isinstance(document, dict):
        raise NotJson("expected an object at the top")
    if _deeper_than(document, MAX_DEPTH):
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise ValueError("an object has the same key twice")
    return unique


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(number := int(digits)) >= MAX_INTEGER:
        raise ValueError("an integer needs more than 64 bits")
    return number


def _finite(digits: str) -> float:
    if (number := float(digits)) in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return number


def _deeper_than(document: object, limit: int) -> bool:
    level = [document]
    for _ in range(limit):
        level = [child for value in level if isinstance(value, dict | list)
                 for child in (value.values() if isinstance(value, dict) else value)]  # fmt: skip
        if not level:
            return False
    return any(isinstance(value, dict | list) for value in level)
