"""Documents without what their source has no say in: whom to tell, what a run is called, and where to click. Pure.

What is left out is left to the source that may say it: relay remembers that (relay.domain.facts), and a second report
of an outcome which says more completes the first (relay.domain.facts). So it has to be left out whole.
"""

import re
from typing import Any

from relay.domain.events import TEXTS, Document
from relay.domain.text import ELLIPSIS

RECIPIENTS = frozenset({"notifications"})
# Who is called, and who is not because they did it themselves (relay.policy.presentation).
PEOPLE = frozenset({"owner", "initiatedBy", "createdBy", "startedBy", "requestedBy", "cancelledBy"})
# What decides rules and mentions.
KIND = frozenset(text.key for text in TEXTS.values() if text.condition)
# What people know an operation by, and which batch and which run it is a part of. What is about a batch keeps the names
# that it gives: registered webhooks of the API tell of operations alone, so nobody else says them.
NAMES = frozenset({"operationName", "operationDescription", "operationKey", "originalOperationId",
                   "batch", "batchId", "batchName", "batchDescription"})  # fmt: skip
LINKED = frozenset({"artifacts", "partialResults"})  # what there is to fetch
LINKS = ("url", "uri", "href", "link")  # how a field is called that holds an address, or several
_WORD = re.compile(r"\S+")
_MARKS = ("://", "www.", "mailto:")  # of an address, as programs find them that make links of text
_HOST = re.compile(r"[\w-]+(\.[\w-]+)*\.[a-z]{2,24}", re.IGNORECASE)
MAX_HOST = 253  # characters
LONGEST_FIELD = 200  # characters of a field's name; nobody reads longer ones


def without_recipients(document: Document) -> dict[str, Any]:
    """Without whom it asks to tell, wherever that stands."""
    return {key: _bare(value, RECIPIENTS) for key, value in document.items() if key not in RECIPIENTS}


def redacted(document: Document, *, about_batch: bool) -> dict[str, Any]:
    """What is left for a source that speaks of what others have begun: how far it is, and what became of it.

    Of a text the addresses go; of a field that is one, or holds what there is to fetch, all of it.
    """
    names = PEOPLE | KIND | LINKED if about_batch else PEOPLE | KIND | LINKED | NAMES
    left: dict[str, Any] = _unlinked(document, names)
    return left


def _bare(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _bare(item, names) for key, item in value.items() if key not in names}
    return [_bare(item, names) for item in value] if isinstance(value, list) else value


def _unlinked(value: Any, names: frozenset[str]) -> Any:
    """The same without links; None for what is nothing but an address."""
    if isinstance(value, str):
        text = _inert(value)
        return None if text == ELLIPSIS else text
    if isinstance(value, dict):
        left = {}
        for key, item in value.items():
            name = "" if key in names or len(key) > LONGEST_FIELD else _field(key)
            if name and (kept := _unlinked(item, names)) is not None:
                left[name] = kept
        return left
    if isinstance(value, list):
        return [kept for item in value if (kept := _unlinked(item, names)) is not None]
    return value


def _field(key: str) -> str:
    """The field's name as it may be shown; '' for one that holds an address by its name."""
    return "" if key.lower().removesuffix("s").endswith(LINKS) else _inert(key)


def _inert(text: str) -> str:
    """With an ellipsis in place of each word that is an address, in a time that grows with its length alone."""
    if "/" not in text and "." not in text and ":" not in text:
        return text
    return _WORD.sub(_hidden, text)


def _hidden(word: re.Match[str]) -> str:
    lower = word[0].lower()
    host = lower.partition("/")[0].lstrip("([{<'\"") if "/" in lower else ""
    address = any(mark in lower for mark in _MARKS) or (len(host) <= MAX_HOST and _HOST.fullmatch(host))
    return ELLIPSIS if address else word[0]
