"""Redaction: remove the fields that an untrusted source may not set: recipients, names and links. Pure.

A field is removed whole, so that a source which may set it still can: relay remembers it (relay.domain.facts), and a
second report of an outcome that states more completes the first.
"""

import re
from typing import Any

from relay.domain.events import TEXTS, Document
from relay.domain.text import ELLIPSIS

RECIPIENTS = frozenset({"notifications"})
# Who is mentioned, or not because they did it themselves (relay.policy.presentation).
PEOPLE = frozenset({"owner", "initiatedBy", "createdBy", "startedBy", "requestedBy", "cancelledBy"})
# What decides rules and mentions.
KIND = frozenset(text.key for text in TEXTS.values() if text.condition)
# Names of an operation, and the batch and run it is a part of. Events of a batch keep theirs: the API's registered
# webhooks report operations alone, so no other source states them.
NAMES = frozenset({"operationName", "operationDescription", "operationKey", "originalOperationId",
                   "batch", "batchId", "batchName", "batchDescription"})  # fmt: skip
LINKED = frozenset({"artifacts", "partialResults"})  # downloads
LINKS = ("url", "uri", "href", "link")  # endings of the names of fields with addresses
_WORD = re.compile(r"\S+")
_MARKS = ("://", "www.", "mailto:")  # of an address, as programs find them that make links of text
_HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.[a-z]{2,24}", re.IGNORECASE)
MAX_HOST = 253  # characters
MAX_FIELD = 200  # characters of a field's name


def without_recipients(document: Document) -> dict[str, Any]:
    """Remove `notifications` at every depth."""
    return {key: _without(value, RECIPIENTS) for key, value in document.items() if key not in RECIPIENTS}


def redacted(document: Document, *, about_batch: bool) -> dict[str, Any]:
    """Keep the state and the outcome; remove people, the operation's kind, its names and all links.

    Addresses within a text become an ellipsis; a field that is an address, or holds artifacts, is removed.
    """
    names = PEOPLE | KIND | LINKED if about_batch else PEOPLE | KIND | LINKED | NAMES
    redacted: dict[str, Any] = _without_links(document, names)
    return redacted


def _without(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    return [_without(item, names) for item in value] if isinstance(value, list) else value


def _without_links(value: Any, names: frozenset[str]) -> Any:
    """Return the value without links; None for one that is nothing but an address."""
    if isinstance(value, str):
        text = _inert(value)
        return None if text == ELLIPSIS else text
    if isinstance(value, dict):
        document = {}
        for key, item in value.items():
            name = "" if key in names or len(key) > MAX_FIELD else _field(key)
            if name and (redacted := _without_links(item, names)) is not None:
                document[name] = redacted
        return document
    if isinstance(value, list):
        return [redacted for item in value if (redacted := _without_links(item, names)) is not None]
    return value


def _field(key: str) -> str:
    """Return the field's name as it may be shown; '' for one whose name says that it holds an address."""
    return "" if key.lower().removesuffix("s").endswith(LINKS) else _inert(key)


def _inert(text: str) -> str:
    """Replace each word that is an address with an ellipsis, in linear time."""
    return _WORD.sub(_redacted_word, text)


def _redacted_word(word: re.Match[str]) -> str:
    lower = word[0].lower()
    host = lower.partition("/")[0].lstrip("([{<'\"") if "/" in lower else ""
    address = any(mark in lower for mark in _MARKS) or (len(host) <= MAX_HOST and _HOST.fullmatch(host))
    return ELLIPSIS if address else word[0]
