"""Documents without what their source has no say in: whom to tell, what a run is called, and where to click. Pure.

What is left out is left to the source that may say it: relay remembers that (relay.domain.facts), and a second report
of an outcome which says more completes the first (relay.domain.completion). So it has to be left out whole.
"""

import re
from typing import Any

from relay.domain.events import Document
from relay.domain.text import ELLIPSIS

RECIPIENTS = frozenset({"notifications"})
# Who is called, and who is not because they did it themselves (relay.policy.presentation).
PEOPLE = frozenset({"owner", "initiatedBy", "createdBy", "startedBy", "requestedBy", "cancelledBy"})
# What decides rules and mentions.
KIND = frozenset({"operationType", "priority"})
# What people know an operation by, and which batch and which run it is a part of. What is about a batch keeps the names
# that it gives: registered webhooks of the API tell of operations alone, so nobody else says them.
NAMES = frozenset({"operationName", "operationDescription", "operationKey", "originalOperationId",
                   "batch", "batchId", "batchName", "batchDescription"})  # fmt: skip
LINKED = frozenset({"artifacts", "partialResults"})  # what there is to fetch
_LINK = re.compile(r".*(url|uri|href|link)s?", re.IGNORECASE)  # a field that holds an address by its name
_ADDRESS = re.compile(
    r"""\b(?:[a-z][a-z0-9+.-]*://|www\.|(?:mailto|tel|sms|slack|data|javascript):|(?:[\w-]+\.)+[a-z]{2,}/)[^\s<>"']*""",
    re.IGNORECASE,
)


def without_recipients(document: Document) -> dict[str, Any]:
    """Without whom it asks to tell, wherever that stands."""
    return {key: _bare(value, RECIPIENTS) for key, value in document.items() if key not in RECIPIENTS}


def borrowed(document: Document, *, about_batch: bool) -> dict[str, Any]:
    """What is left for a source that speaks of what others have begun: how far it is, and what became of it.

    Of a text the addresses go; of a field that is one, or holds what there is to fetch, all of it.
    """
    names = PEOPLE | KIND | LINKED if about_batch else PEOPLE | KIND | LINKED | NAMES
    left: dict[str, Any] = _unlinked(_bare(document, names))
    return left


def _bare(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {key: _bare(item, names) for key, item in value.items() if key not in names}
    return [_bare(item, names) for item in value] if isinstance(value, list) else value


def _unlinked(value: Any) -> Any:
    """None for what is nothing but an address."""
    if isinstance(value, dict):
        fields = {
            _ADDRESS.sub(ELLIPSIS, key): _unlinked(item) for key, item in value.items() if not _LINK.fullmatch(key)
        }
        return {key: item for key, item in fields.items() if item is not None}
    if isinstance(value, list):
        return [item for item in map(_unlinked, value) if item is not None]
    if not isinstance(value, str):
        return value
    text = _ADDRESS.sub(ELLIPSIS, value)
    return None if text == ELLIPSIS else text
