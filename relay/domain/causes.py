"""Signatures of errors, equal for failures of one cause: parts that differ from run to run are folded. Pure."""

import re
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from relay.domain.events import Event

LENGTH = 12  # hexadecimal digits of a signature
READ = 1000  # characters of a message that are looked at; a stack trace may follow
MAX_WORDS = 300  # characters of an error that people read

# What is in quotation marks names a thing. An apostrophe within a word ends no quotation.
_QUOTED = re.compile(
    r"""(?<!\w)'[^'\n]{0,300}'(?!\w)|"[^"\n]{0,300}"|`[^`\n]{0,300}`|[„“][^“”\n]{0,300}[“”]|«[^»\n]{0,300}»"""
)
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://\S+|\S+@\S+", re.IGNORECASE)
# Whole words with a digit in them: numbers, times, ids, UUIDs, names of hosts and workers, line numbers.
_NUMBERED = re.compile(r"[^\s()\[\]{},;=|]*\d[^\s()\[\]{},;=|]*")


def signature(error: Mapping[str, Any]) -> str:
    """Return twelve hexadecimal digits, the same for errors of one code and one wording; '' without an error."""
    code = error.get("code") or error.get("errorCode") or ""
    message = error.get("message") or error.get("errorMessage") or error.get("detail") or ""
    code, message = (
        value if isinstance(value, str) else "" if value is True else f"{value}" for value in (code, message)
    )
    if not (code.strip() or message.strip()):
        return ""
    text = f"{code.strip()}\0{folded(message[:READ])}".encode("utf-8", "replace")
    return blake2b(text, digest_size=LENGTH // 2, person=b"relay error").hexdigest()


def error_of(event: Event) -> Mapping[str, Any]:
    """Return the error that the event states in either place; an empty one for none."""
    if event.error or event.operation is None:
        return event.error
    stated = event.operation.document.get("error")
    if isinstance(stated, Mapping):
        return stated
    return {"message": stated} if isinstance(stated, str) and stated.strip() else {}


def error_words(event: Event) -> str:
    """Return the event's error as people read it: its code and its message; '' for none."""
    error = error_of(event)
    words = (error.get("code") or error.get("errorCode"), error.get("message") or error.get("errorMessage"))
    return ": ".join(f"{word}" for word in words if word)[:MAX_WORDS]


def folded(message: str) -> str:
    """Replace what differs from run to run, for instance `worker # stopped responding: no heartbeat for # s.`."""
    for differs in (_QUOTED, _ADDRESS, _NUMBERED):
        message = differs.sub("#", message)
    return " ".join(message.casefold().split())
