"""Single fields of a document, each in its type: what decides something and is unreadable is an InvalidEvent. Pure."""

from collections.abc import Mapping
from datetime import MAXYEAR, MINYEAR, UTC, datetime

from relay.domain.events import PRIORITIES, STATUSES, Document
from relay.errors import InvalidEvent

MAX_ID = 256
_SPELLINGS = {spelling.casefold(): spelling for spelling in (*STATUSES, *PRIORITIES)}


def identifier(document: Document, owner: str, keys: tuple[str, ...]) -> str:
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


def text(document: Document, key: str, limit: int, prefix: str = "") -> str:
    value = document.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > limit:
        raise InvalidEvent(f"{prefix}{key}", f"expected text of at most {limit} characters")
    return value


def spelled(document: Document, key: str, prefix: str) -> str:
    """Return a status or a priority in the API's spelling; another word as it came."""
    word = text(document, key, 64, prefix)
    return _SPELLINGS.get(word.casefold(), word)


def first_text(*values: object) -> str:
    return next((value for value in values if isinstance(value, str) and value), "")


def count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1_000_000 else None


def part(envelope: Document, key: str) -> Document:
    value = envelope.get(key)
    if isinstance(value, Mapping):
        return value
    # The API's phase-less documents and some senders give a name or a message instead of an object.
    name = {"phase": "phaseName", "error": "message"}.get(key, "text")
    return {name: value} if isinstance(value, str) and value else {}


def moment(*values: object) -> datetime | None:
    """Return the first of these that is a time, in UTC; others are only shown."""
    for value in values:
        if isinstance(value, str) and (parsed := _read(value)) is not None and is_stated(parsed):
            return parsed
    return None


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


def _read(text: str) -> datetime | None:
    try:
        parsed = datetime.fromisoformat(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
