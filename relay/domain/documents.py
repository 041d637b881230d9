"""Documents: strict JSON, and access to fields that may be missing or hold anything. Pure.

A field that decides something and is unreadable raises InvalidEvent; others raise nothing.
"""

import json
import math
import re
from collections.abc import Collection, Mapping
from datetime import MAXYEAR, MINYEAR, UTC, datetime
from functools import lru_cache
from typing import Any
from unicodedata import category

from pydantic_core import from_json

from relay.domain.display import HIDDEN
from relay.errors import InvalidEvent, NotJson

_OBJECT = (dict, Mapping)  # dict first: asking for Mapping is slow
_LARGEST = 1e300  # JSON's whole numbers have no end; a number beyond this cannot become a float
MAX_DEPTH = 32
MAX_INTEGER = 2**63
MAX_DIGITS = 1000  # of a number that is no integer: the store could not read one of many thousands again
MAX_ID = 256
SECONDS = {"d": 86_400.0, "h": 3600.0, "min": 60.0, "s": 1.0}
UNITS = {"d": "d", "day": "d", "h": "h", "hr": "h", "hour": "h", "m": "min", "min": "min", "minute": "min",
         "s": "s", "sec": "s", "second": "s"}  # fmt: skip
NUMBER = r"\d{1,12}(?:\.\d{1,6})?"
LONGEST = 100  # characters
_PART = re.compile(
    rf"\s{{0,3}}(?:and\s+|,\s*)?({NUMBER})(?:\s*(?:-|–|to)\s*({NUMBER}))?\s*({'|'.join(UNITS)})s?\b", re.I
)
_CLOCK = re.compile(r"(?:(\d{1,4})\.)?(\d{1,3}):([0-5]\d):([0-5]\d)(?:\.\d+)?")
_ISO = re.compile(rf"P(?:({NUMBER})D)?(?:T(?:({NUMBER})H)?(?:({NUMBER})M)?(?:({NUMBER})S)?)?", re.I)


def mapping(value: object) -> Mapping[str, Any]:
    """Return the object, or an empty one."""
    return value if value is not None and isinstance(value, _OBJECT) else {}  # asking None for Mapping is slow


def rows(value: object) -> list[Mapping[str, Any]]:
    """Return the objects of a list; other values are left out."""
    return [item for item in value if isinstance(item, _OBJECT)] if isinstance(value, list) else []


def finite(value: object) -> float | None:
    """Return the number, if it can be shown and calculated with."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) <= _LARGEST and math.isfinite(value) else None


def decode(raw: bytes) -> dict[str, Any]:
    """Return the JSON object in `raw`; of a key that is given twice the last one counts. Raises NotJson."""
    document = decode_any(raw)
    if not isinstance(document, dict):
        raise NotJson("expected an object at the top")
    return document


def decode_any(raw: bytes) -> Any:
    """Return the JSON object or array in `raw`, as `decode` does."""
    try:
        if b"\\" in raw and b"\\u" in raw:  # one byte is found many times as fast as two
            from_json(raw)  # which refuses lone surrogates
        document = _decode(raw.decode())
    except (ValueError, RecursionError) as error:
        raise NotJson(str(error)) from None
    if not isinstance(document, dict | list):
        raise NotJson("expected an object at the top")
    if raw.count(b"{") + raw.count(b"[") > MAX_DEPTH and _is_too_deep(document):
        raise NotJson(f"nested deeper than {MAX_DEPTH} levels")
    return document


def _integer(digits: str) -> int:
    if len(digits) > 18 and (len(digits) > 20 or abs(int(digits)) >= MAX_INTEGER):
        raise ValueError("an integer needs more than 64 bits")
    return int(digits)


def _finite(digits: str) -> float:
    if len(digits) > MAX_DIGITS or not math.isfinite(number := float(digits)):  # NaN and Infinity are no JSON
        raise ValueError(f"{digits[:20]} is no number of JSON, or too large")
    return number


_decode = json.JSONDecoder(parse_int=_integer, parse_float=_finite, parse_constant=_finite).decode


def _is_too_deep(document: object) -> bool:
    """Look level by level: a call for each object of a large body would hold the event loop for ten times as long."""
    level: list[Any] = [document]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
        if not level:
            return False
    return True


def identifier(document: Mapping[str, Any], owner: str, keys: tuple[str, ...]) -> str:
    """Return the id under the first of these keys. `owner` is what it is the id of, for the error."""
    for key in keys:
        value = document.get(key)
        if value is None:
            continue
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not value.strip() or len(value) > MAX_ID:
            raise InvalidEvent(f"{owner}.{key}", f"expected an id of 1 to {MAX_ID} characters")
        return value
    raise InvalidEvent(f"{owner}.{keys[0]}", "expected the id")


def id_or_none(value: object) -> str:
    """Return the id of something mentioned; '' for an odd one."""
    return value if isinstance(value, str) and 0 < len(value) <= MAX_ID else ""


def text(document: Mapping[str, Any], key: str, limit: int, prefix: str = "") -> str:
    value = document.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > limit:
        raise InvalidEvent(f"{prefix}{key}", f"expected text of at most {limit} characters")
    return value


def spelled(document: Mapping[str, Any], key: str, words: Collection[str], prefix: str) -> str:
    """Return the text as one of these words where it is one in any case of letters, else as it came."""
    stated = text(document, key, 64, prefix)
    if not stated or stated in words:
        return stated
    visible = any(category(sign)[0] not in "MCZ" and sign != "\u2800" for sign in HIDDEN.sub("", stated))
    as_it_came = stated if visible else ""  # blanks and unseen signs state nothing
    return next((word for word in words if word.casefold() == stated.casefold()), as_it_came)


def first_text(*values: object) -> str:
    for value in values:
        if value and isinstance(value, str):
            return value
    return ""


def count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000_000 else None


def part(envelope: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = envelope.get(key)
    if isinstance(value, _OBJECT):
        return value
    # The API's phase-less documents and some senders give a name or a message instead of an object.
    name = {"phase": "phaseName", "error": "message"}.get(key, "text")
    return {name: value} if isinstance(value, str) and value else {}


def moment(*values: object) -> datetime | None:
    """Return the first of these that is a time, in UTC; others are only shown."""
    for value in values:
        if value and (parsed := _read(value)) and is_stated(parsed):
            return parsed
    return None


def iso(seconds: float | None) -> str:
    """Write a moment in ISO 8601, UTC, whole: spans are counted from it; '' for none."""
    return datetime.fromtimestamp(seconds, UTC).isoformat() if seconds is not None else ""


def is_stated(parsed: datetime) -> bool:
    """Return whether it is a time at all: programs write the first or the last year where they mean none."""
    return MINYEAR < parsed.year < MAXYEAR


def time(value: object, path: str) -> datetime | None:
    """Read an ISO 8601 time, UTC where it names no zone."""
    if value is None:
        return None
    if isinstance(value, str) and (parsed := _read(value)) is not None:
        return parsed
    raise InvalidEvent(path, "expected an ISO 8601 time, for instance 2024-01-20T11:40:00Z")


def _read(value: object) -> datetime | None:
    if isinstance(value, str):
        return _read_short(value) if len(value) <= LONGEST else None
    return _read_short(value) if isinstance(value, datetime) else None


@lru_cache(1024)  # all events of a run state when it began
def _read_short(value: str | datetime) -> datetime | None:
    try:
        parsed = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def parse_duration(value: object) -> float | None:
    """Read the seconds in "23 minutes 15 seconds", "1h 5m", "00:45:12" or "PT45M"; None if it is none of these."""
    text = (value if isinstance(value, str) else "").strip()
    return _parse_duration(text) if len(text) <= LONGEST else None


@lru_cache(512)  # phases keep their durations from edit to edit
def _parse_duration(text: str) -> float | None:
    if match := _CLOCK.fullmatch(text):
        days, *rest = (float(part or 0) for part in match.groups())
        return days * SECONDS["d"] + sum(part * size for part, size in zip(rest, (3600, 60, 1), strict=True))
    if (match := _ISO.fullmatch(text)) and any(match.groups()):
        parts = zip(match.groups(), SECONDS.values(), strict=True)
        return sum(float(part) * size for part, size in parts if part)
    parts_found = list(_PART.finditer(text))
    if not parts_found or "".join(part[0] for part in parts_found) != text or any(part[2] for part in parts_found):
        return None
    return sum(float(part[1]) * SECONDS[UNITS[part[3].lower()]] for part in parts_found)


def ranged(value: object) -> tuple[float, float, str] | None:
    """Read the bounds and the unit in "15-20 minutes"; None if it is no such text."""
    match = _PART.fullmatch((value if isinstance(value, str) else "").strip())
    return (float(match[1]), float(match[2]), UNITS[match[3].lower()]) if match and match[2] else None
