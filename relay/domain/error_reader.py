"""The cause of an error in one line, out of what tools print. Pure.

One short line is its own cause. Of the rest readers are asked in turn (relay/domain/error_tools.py), then a document
within the text; what none of them knows is a log, of which the last line that says something stands.
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from relay.domain.display import ELLIPSIS, boundary
from relay.domain.error_tools import PREFIX, READERS, Printed, last_line

LONGEST = 120  # characters of a cause
READ = 20_000  # characters of an error that are looked at: half of them at each end
MAX_LINE = 1_000  # characters of one line
DEEPEST = 4  # documents within documents
WORDS = (
    "message", "errorMessage", "error_message", "error_description", "detail", "reason", "msg", "title", "description",
)  # fmt: skip
NESTED = ("error", "errors", "exception", "cause", "details", "fault", "status")

# What libraries say before the cause: where it was. Behind it, a phone still shows the cause.
_POOL = r"HTTPS?ConnectionPool\(host='(?P<where>[^']+)', port=\d+\): "
_PLACED = tuple(
    re.compile(pattern)
    for pattern in (
        r"connection to server (?:at|on socket) \"(?P<where>[^\"]+)\"[^:]*? failed: (?:FATAL: +)?(?P<cause>.+)",
        rf"{_POOL}Max retries exceeded with url: \S+ \(Caused by \w+\("
        r"(?:\w+\(\d*,? ?)*['\"]?(?:<[^>]*>[:,] )?['\"]?(?P<cause>.+?)(?:['\"]\)+|\)*)$",
        rf"{_POOL}(?P<cause>.+)",
    )
)
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def cause_of(error: object) -> str:
    """Return the cause that an error states, in one line of at most 120 characters; '' where it states none.

    `error`: what was printed, or a document that has it.
    """
    text = _of_document(error)
    return _read(text) if text else ""


@lru_cache(256)
def _read(text: str) -> str:
    return _cut(_cause_first(" ".join(_explained(text).split())[:MAX_LINE]))


def _cause_first(line: str) -> str:
    for placed in _PLACED:
        if found := placed.search(line):
            where = "" if found["where"] in found["cause"] else f" ({found['where']})"
            return line[: found.start()] + found["cause"] + where + line[found.end() :]
    return line


def _explained(text: str, depth: int = 0) -> str:
    text = _COLOURS.sub("", text).replace("\r", "").strip()
    text = text if len(text) <= READ else f"{text[: READ // 2]}\n{text[-READ // 2 :]}"
    lines = [line[:MAX_LINE].rstrip() for line in text.split("\n")]
    printed = Printed("\n".join(lines), lines)
    for read in READERS:
        if found := read(printed):
            return _embedded(found, depth) or found
    return _embedded(printed.text, depth) or last_line(printed)


def _of_document(document: Any, depth: int = 0) -> str:
    """Return the message of an error's document, or of the error within it; '' for none."""
    if isinstance(document, str):
        return document.strip()
    if depth > DEEPEST:
        return ""
    if isinstance(document, list):
        return _first(document, depth)
    if not isinstance(document, Mapping):
        return ""
    parts = [document.get(name) for name in NESTED]
    said = next((text for name in WORDS if isinstance(text := document.get(name), str) and text.strip()), "")
    within = _first([part for part in parts if not isinstance(part, str)], depth)
    return (within or said or _first(parts[:1], depth)).strip()


def _first(parts: list[Any], depth: int) -> str:
    return next((found for part in parts[: len(NESTED)] if (found := _of_document(part, depth + 1))), "")


def _embedded(text: str, depth: int) -> str:
    """Return what a JSON document at the end of a text says, behind what stands before it; '' where there is none."""
    for mark in [*re.finditer(r"[{\[]", text)][:DEEPEST] if depth < DEEPEST else ():
        start = mark.start()
        try:
            document, end = json.JSONDecoder().raw_decode(text[start:])
        except (ValueError, RecursionError):
            continue
        said = _of_document(document)
        if not said or (start and text[start + end :].strip(" .,;'\")")):
            continue
        before = PREFIX.sub("", " ".join(text[:start].split())).rstrip(" :=>-–'\"(")
        inner = _explained(said, depth + 1)
        return f"{before}: {inner}" if before and len(before) + len(inner) <= LONGEST else inner
    return ""


def _cut(line: str) -> str:
    if len(line) <= LONGEST:
        return line
    start = line[: boundary(line, LONGEST - 1)]
    word = start.rfind(" ")
    return (start[:word] if word > LONGEST * 2 // 3 else start).rstrip(" ,;:.(–-") + ELLIPSIS
