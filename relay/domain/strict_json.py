"""JSON that every reader reads the same, or none. Pure."""

import json
from typing import Any

from pydantic_core import from_json

from relay.errors import NotJson

MAX_DEPTH = 32
MAX_INTEGER = 2**63


def decode(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in `raw`, if every reader would read the same in it; raises NotJson.

    Stricter than the standard library: no duplicate keys, NaN, Infinity, lone surrogates, integers over
    64 bits, byte order marks, or more than `MAX_DEPTH` levels.
    """
    try:
        # The first is strict about UTF-8, surrogates and recursion; the second shows each pair and each number.
        from_json(raw, allow_inf_nan=False)
        document = json.loads(raw, object_pairs_hook=_unique, parse_int=_integer, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None
    if not isinstance(document, dict):
        raise NotJson("expected an object at the top")
    if _depth(document) > MAX_DEPTH:
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) < len(pairs):
        raise ValueError("an object has the same key twice")
    return document


def _integer(digits: str) -> int:
    if len(digits) > 20 or abs(number := int(digits)) >= MAX_INTEGER:
        raise ValueError("an integer needs more than 64 bits")
    return number


def _finite(digits: str) -> float:
    if abs(number := float(digits)) == float("inf"):
        raise ValueError("a number is too large")
    return number


def _depth(value: object) -> int:
    if not isinstance(value, dict | list):
        return 0
    return 1 + max(map(_depth, value.values() if isinstance(value, dict) else value), default=0)
