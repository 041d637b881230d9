"""Texts and other values of documents, as messages may show them. Pure.

Without controls, hidden marks, active characters and unsafe links, which any payload may hold; nothing here raises.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache, partial
from typing import Any
from urllib.parse import urlsplit

from relay.domain.display import ELLIPSIS, HIDDEN, boundary
from relay.domain.documents import finite, mapping, moment, parse_duration, ranged
from relay.domain.links import ANYWHERE, LinkHosts

MAX_URL = 2000
MAX_ID = 24
LONGEST_WORD = 24  # a longer one is an id, or no word: it is cut where it must be
ZERO_WIDTH_SPACE = "\u200b"

_UUID = re.compile(r"(.*[0-9a-f]{8})(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_LINE_ENDS = re.compile("\r\n?|[\u2028\u2029\x85\x0b\x0c]")
_HIDDEN_PRINTABLE = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0]")  # those that Python calls printable
_JOINER = re.compile(
    "(?<![\ufe0f\u2600-\u27bf\U0001f000-\U0001faff])\u200d|\u200d(?![\u2600-\u27bf\U0001f000-\U0001faff])"
)
# What Slack reads as bold, italics, strike-through, code, an emoji's name or, at a line's start, a quotation.
# Inside a word it reads nothing, so that ids stay as they are and can be copied.
_FORMAT = re.compile(r"(?<![^\W_])[*_~]|[*_~](?![^\W_])|`|:(?=[a-z0-9_+'-]+:)|^>", re.MULTILINE)
_ACTIVE = re.compile("[*_~`:>]")  # a text without any of these needs no closer look
# Each alternative begins at the space, which is found 5 times as fast as the digit before it.
_UNIT = re.compile(r" (?:(?<=\d )(?=(?:d|h|min|s|[KMGTP]?B)\b)|(?<=\d [dh] )(?=\d))")
_DAY = re.compile(r" (?<=\d\. )(?=[^\W\d_]{3})")  # `8. März`
_BLANKS = re.compile(r"[ \t\n]+")
_UNSAFE = re.compile(r"[\s\\<>|\"`\x00-\x1f\x7f]")
_ADDRESS_IN = re.compile(r"(https?://|ftp://|(?<![\w.])(?=www\.))([^\s/?#<>\"'&,;)\]]*)", re.IGNORECASE)
_HOST = re.compile(r"(?=.{1,253}\Z)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*\.?", re.IGNORECASE)


def clean(value: Any) -> Any:
    """Remove what disguises a document's texts and keys. Line breaks stay, as `\\n`."""
    if isinstance(value, str):
        return value if value.isascii() and value.isprintable() else _undisguised(value)
    if isinstance(value, dict):
        # What most of it is, clean texts under clean keys, is seen to be so here: half as many calls.
        return {
            key if key.__class__ is str and key.isascii() and key.isprintable() else clean(key):
            item if item.__class__ is str and item.isascii() and item.isprintable() else clean(item)
            for key, item in value.items()
        }  # fmt: skip
    if isinstance(value, (list, tuple)):
        return [clean(item) for item in value]
    if value is None or isinstance(value, (int, float)):
        return value
    if isinstance(value, Mapping):  # asked last: that takes longer than to clean a text
        return {clean(key): clean(item) for key, item in value.items()}
    return value


def _undisguised(text: str) -> str:
    if text.isprintable() and not _HIDDEN_PRINTABLE.search(text):  # most of what is not ASCII
        return text
    return _JOINER.sub("", HIDDEN.sub("", _LINE_ENDS.sub("\n", text).replace("\t", " ")))


def shown_id(text: str) -> str:
    """Return an id as people see it: one of hidden characters alone by their numbers."""
    return line(clean(text)) or text.encode("unicode_escape", "replace").decode()


def short_id(value: object) -> str:
    """Shorten `op-ff0e8400-e29b-41d4-a716-446655440000` to `op-ff0e8400`."""
    text = "" if value is None else line(str(value))
    match = _UUID.fullmatch(text)
    return cut(match[1] if match else text, MAX_ID)


def line(text: str) -> str:
    """Return the text as one line. No-break spaces stay."""
    if "\n" in text or "  " in text or "\t" in text:
        text = _BLANKS.sub(" ", text)
    return str.strip(text)


def bound(text: str) -> str:
    """Keep numbers on one line with their units."""
    return _UNIT.sub("\u00a0", text)


def bound_in_html(text: str) -> str:
    """Keep days on one line with their months too; for HTML, whose lines end anywhere."""
    return _DAY.sub("\u00a0", bound(text))


def plain(text: str) -> str:
    """Write ordinary spaces instead of no-break ones, for plain text."""
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def cut_middle(text: str, limit: int) -> str:
    """Return at most `limit` characters, an ellipsis in the place of the middle.

    Words stay whole where the first and the last one have room, and as many of them as there is room for: names that
    differ in one of them still do.
    """
    if len(text) <= limit:
        return text
    words = text.split(" ")
    heads, tails = 1, 1  # words that are kept: as many from both ends as find room
    if len(words) < 3 or len(words[0]) + len(words[-1]) >= limit:
        start, end = boundary(text, limit // 2), boundary(text, len(text) - (limit - 1) // 2)
        return text[:start].rstrip() + ELLIPSIS + text[end:].lstrip()
    while heads + tails < len(words):
        room = limit - 1 - len(" ".join(words[:heads])) - len(" ".join(words[-tails:]))
        if len(words[-tails - 1]) < room and tails <= heads:
            tails += 1
        elif len(words[heads]) < room:
            heads += 1
        elif len(words[-tails - 1]) < room:
            tails += 1
        else:
            break
    return " ".join(words[:heads]) + ELLIPSIS + " ".join(words[-tails:])


def cut(text: str, limit: int) -> str:
    """Return at most `limit` characters, ending in an ellipsis if any are left out, between words where possible."""
    if len(text) <= limit:
        return text
    end = boundary(text, limit - 1)
    if not text[end].isspace():
        end = max(text.rfind(" ", end - min(LONGEST_WORD, limit // 2), end), 0) or end
    return text[:end].rstrip() + ELLIPSIS


def inert(text: str) -> str:
    """Put a zero-width space behind each character that Slack would take for formatting."""
    if not _ACTIVE.search(text):
        return text
    return _FORMAT.sub(lambda match: match[0] + ZERO_WIDTH_SPACE, text)


def safe_url(url: object, hosts: LinkHosts = ANYWHERE) -> str:
    """Return the address if it is http or https, of a plain and allowed host, without credentials; else ''."""
    return url if isinstance(url, str) and len(url) <= MAX_URL and _is_safe(url, hosts) else ""


def host_of(url: str) -> str:
    """Return the host of a safe address."""
    return (urlsplit(url).hostname or "").lower()


def unlinked(text: str, hosts: LinkHosts) -> str:
    """Break the addresses of other hosts, of which a mail program would make links."""
    if not _ADDRESS_IN.search(text):
        return text
    return _ADDRESS_IN.sub(lambda match: match[0] if _is_own(match[2], hosts) else _broken(match[0]), text)


def _is_own(authority: str, hosts: LinkHosts) -> bool:
    return "@" not in authority and hosts.allows(authority.partition(":")[0].lower().rstrip("."))


def _broken(address: str) -> str:
    return address.replace("://", f":{ZERO_WIDTH_SPACE}//").replace(".", f"{ZERO_WIDTH_SPACE}.")


@lru_cache(256)  # each stands in several places of a message, and in every edit of it
def _is_safe(url: str, hosts: LinkHosts) -> bool:
    if _UNSAFE.search(url):
        return False
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises if it is no number
    except ValueError:
        return False
    host = (parts.hostname or "").lower()
    if parts.scheme.lower() not in ("http", "https") or "@" in parts.netloc or not _HOST.fullmatch(host):
        return False
    return hosts.allows(host)


def at(document: object, path: str) -> Any:
    """Return the value on a path such as `progress.startTime`, or None."""
    if "." not in path and document.__class__ is dict:  # most of them
        return document.get(path)
    for key in _keys(path):
        document = document.get(key) if document.__class__ is dict else mapping(document).get(key)
    return document


_keys = lru_cache(256)(partial(str.split, sep="."))  # relay's own paths, a hundred of them


def text(document: object, *paths: str) -> str:
    """Return the first text or number on these paths as one line, or ''."""
    for path in paths:
        value = at(document, path)
        if value is None or value is True or value is False:
            continue
        if isinstance(value, (str, int, float)) and (words := line(str(value))):
            return words
    return ""


def number(document: object, *paths: str) -> float | None:
    """Return the first finite number on these paths."""
    for path in paths:
        value = at(document, path)
        if value is not None and (value := finite(value)) is not None:
            return value
    return None


def time(document: object, *paths: str) -> datetime | None:
    """Return the first time on these paths, in UTC."""
    for path in paths:
        value = at(document, path)
        if value is not None and (when := moment(value)):
            return when
    return None


def span(document: object, *paths: str) -> float | str | None:
    """Return the first duration on these paths: seconds, or the text of a range like "15-20 minutes"."""
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
    """Return the seconds from one to the other; None if one is unknown or they are in the wrong order."""
    return (end - start).total_seconds() if start and end and end >= start else None


def iso(value: datetime | None) -> str | None:
    """Write a time for templates, which get plain data only."""
    return value.isoformat() if value else None
