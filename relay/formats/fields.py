"""Fields of a format: what of a value each takes, within bounds that no document is refused for, and where it goes.

Pure.
"""

from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, NamedTuple

from relay.domain.documents import MAX_ID
from relay.domain.error_reader import both_ends
from relay.domain.events import FAILED, PRIORITIES, TERMINAL
from relay.formats.paths import text_of, word_of
from relay.formats.times import iso_of

Convert = Callable[[Any], Any]  # None where it says nothing that fits

MAX_LINK, MAX_LINE, MAX_WORDS, MAX_TYPE = 600, 200, 2000, 128  # characters
MAX_NUMBER = 1_000_000
_FAILED = frozenset(FAILED)
_PRIORITIES = {name.lower(): name for name in PRIORITIES}


def _line(extracted: Any, limit: int = MAX_LINE) -> str | None:
    text = text_of(extracted)
    if text is None:
        return None
    clean = text.isprintable() and "  " not in text  # most are: the other way takes twice as long
    return (text if clean else " ".join(text.split()))[:limit]


def _words(extracted: Any) -> str | None:
    text = text_of(extracted)
    return both_ends(text, MAX_WORDS) if text else None


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


def scalar(extracted: Any) -> Any:
    kind = type(extracted)
    if kind is str:
        return _line(extracted)
    if kind is bool or (kind is float and isfinite(extracted)) or (kind is int and abs(extracted) < 2**53):
        return extracted
    return _line(extracted)


def _priority(extracted: Any) -> str | None:
    return _PRIORITIES.get(word_of(extracted) or "")


def _type(extracted: Any) -> str | None:
    return _line(extracted, MAX_TYPE)


class Field(NamedTuple):
    """A place in relay's own document, how it is read, and the statuses that have it alone; None for all."""

    key: tuple[str, ...]
    convert: Convert
    only: frozenset[str] | None = None


def _run(key: str, convert: Convert, only: frozenset[str] | None = None) -> Field:
    return Field(("operation", *key.split(".")), convert, only)


FIELDS: Mapping[str, Field] = {
    "run": _run("operationId", _id), "job": _run("operationName", _line), "attempt": _run("retryNumber", _count),
    "title": _run("operationDescription", _line), "type": _run("operationType", _type),
    "progress": _run("progress.percentage", _number), "at": Field(("timestamp",), iso_of),
    "started": _run("startTime", iso_of), "ended": _run("endTime", iso_of, TERMINAL),
    "estimate": _run("progress.estimatedCompletion", iso_of), "deadline": _run("timeoutAt", iso_of),
    "error": Field(("error", "message"), _words, _FAILED), "code": Field(("error", "code"), _type, _FAILED),
    "link": _run("trackingUrl", _link), "owner": _run("owner.name", _line), "tenant": Field(("tenantId",), _id),
    "project": Field(("projectId",), _id), "priority": _run("priority", _priority), "batch": _run("batchId", _id),
    "batch_name": _run("batchName", _line),
}  # fmt: skip
OF_PHASES: Mapping[str, Field] = {
    "name": Field(("phaseName",), _line), "started": Field(("startTime",), iso_of), "link": Field(("url",), _link),
    "ended": Field(("endTime",), iso_of, TERMINAL), "error": Field(("message",), _words, _FAILED),
}  # fmt: skip
NESTED: Mapping[str, tuple[str, ...]] = {"labels": ("operation", "labels"), "results": ("results",)}
