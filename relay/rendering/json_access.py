"""What stands on a path of a document, in the kinds that a message shows. Nothing here raises. Pure."""

from datetime import datetime
from functools import lru_cache, partial
from typing import Any

from relay.domain.documents import finite, mapping, parse_duration, ranged
from relay.rendering.localized_values import moment
from relay.rendering.texts import line


def at(document: object, path: str) -> Any:
    """What stands at `progress.startTime`, or None."""
    if "." not in path and document.__class__ is dict:  # most of them
        return document.get(path)
    for key in _keys(path):
        document = document.get(key) if document.__class__ is dict else mapping(document).get(key)
    return document


_keys = lru_cache(256)(partial(str.split, sep="."))  # relay's own paths, a hundred of them


def text(document: object, *paths: str) -> str:
    """The first text or number on these paths as one line, or an empty one."""
    for path in paths:
        value = at(document, path)
        if value is None or value is True or value is False:
            continue
        if isinstance(value, (str, int, float)) and (words := line(str(value))):
            return words
    return ""


def number(document: object, *paths: str) -> float | None:
    """The first finite number on these paths."""
    for path in paths:
        value = at(document, path)
        if value is not None and (value := finite(value)) is not None:
            return value
    return None


def time(document: object, *paths: str) -> datetime | None:
    """The first time on these paths, in UTC."""
    for path in paths:
        value = at(document, path)
        if value is not None and (when := moment(value)):
            return when
    return None


def span(document: object, *paths: str) -> float | str | None:
    """The first duration on these paths: seconds, or as it came where it is a range like "15-20 minutes"."""
    for path in paths:
        value = number(document, path)
        if value is not None:
            return value
        words = text(document, path)
        if words and (duration := parse_duration(words)) is not None:
            return duration
        if words and ranged(words):
            return words
    return None


def between(start: datetime | None, end: datetime | None) -> float | None:
    """The seconds from one to the other; None if one is unknown or they stand in the wrong order."""
    return (end - start).total_seconds() if start and end and end >= start else None


def iso(value: datetime | None) -> str | None:
    """For templates, which get plain data only."""
    return value.isoformat() if value else None
