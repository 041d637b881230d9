"""Fields of a format: what of a value each takes, within bounds that no document is refused for. Pure."""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any

from relay.domain.documents import MAX_ID
from relay.domain.events import PRIORITIES
from relay.formats.times import iso_of
from relay.formats.values import text_of, word_of

Convert = Callable[[Any], Any]  # None where it says nothing that fits

MAX_LINK, MAX_LINE, MAX_WORDS, MAX_TYPE = 600, 200, 2000, 128  # characters
MAX_NUMBER = 1_000_000
_PRIORITIES = {name.lower(): name for name in PRIORITIES}


def _line(extracted: Any, limit: int = MAX_LINE) -> str | None:
    text = text_of(extracted)
    if text is None:
        return None
    clean = text.isprintable() and "  " not in text  # most are: the other way takes twice as long
    return (text if clean else " ".join(text.split()))[:limit]


def _words(extracted: Any) -> str | None:
    text = text_of(extracted)
    return text[:MAX_WORDS] if text else None


def _id(extracted: Any) -> str | None:
    text = text_of(extracted)
    return text if text and len(text) <= MAX_ID else None  # a part of an id would be another run's


def _number(extracted: Any) -> float | None:
    text = text_of(extracted)
    try:
        number = float(text.rstrip("% ")) if text else float(extracted) if type(extracted) is float else None
    except ValueError:
        return None
    return min(max(number, 0.0), 100.0) if number is not None and isfinite(number) else None


def _count(extracted: Any) -> int | None:
    text = text_of(extracted)
    fits = text and len(text) <= 12 and text.isascii() and text.isdigit()
    return number if fits and (number := int(text or "")) < MAX_NUMBER else None


def _link(extracted: Any) -> str | None:
    text = text_of(extracted)
    fits = text and len(text) <= MAX_LINK and text.startswith(("https://", "http://")) and len(text.split()) == 1
    return text if fits else None


def plain(extracted: Any) -> Any:
    kind = type(extracted)
    if kind is str:
        return _line(extracted)
    if kind is bool or (kind is float and isfinite(extracted)) or (kind is int and abs(extracted) < 2**53):
        return extracted
    return _line(extracted)


def _priority(extracted: Any) -> str | None:
    return _PRIORITIES.get(word_of(extracted) or "")


# How a field of a case is read from what its value says.
FIELDS: Mapping[str, Convert] = {
    "run": _id, "job": _line, "attempt": _count, "title": _line, "type": lambda extracted: _line(extracted, MAX_TYPE),
    "progress": _number, "at": iso_of, "started": iso_of, "ended": iso_of, "estimate": iso_of, "deadline": iso_of,
    "error": _words, "code": lambda extracted: _line(extracted, MAX_TYPE), "link": _link, "owner": _line, "tenant": _id,
    "project": _id, "priority": _priority, "batch": _id, "batch_name": _line,
}  # fmt: skip
OF_PHASES: Mapping[str, Convert] = {
    "name": _line, "started": iso_of, "ended": iso_of, "error": _words, "link": _link,
}  # fmt: skip
