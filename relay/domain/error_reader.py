"""The cause of an error in one line, out of what tools print. Pure.

A text is cut and its blank lines are left out before any pattern sees it. One short line is its own cause. Of the rest
readers are asked in turn (relay/domain/error_tools.py), then a document within the text; what none of them knows is a
log, of which the last line that says something stands. The cause has no secrets (relay/domain/masking.py).
"""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from itertools import islice
from typing import Any

from relay.domain.display import ELLIPSIS, boundary
from relay.domain.error_tools import PREFIX, READERS, Printed, last_line
from relay.domain.masking import SECRETS, masked

LONGEST = 120  # characters of a cause in a title, a push, a row
SENTENCE = 500  # of one by itself
READ = 20_000  # characters of an error that are looked at: half of them at each end
LINES = 300  # that are looked at: half of them at each end
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
# Spark's own words between that a job was aborted and the reason.
_ABORTED, _REASONS = "Job aborted due to stage failure", (" Reason: ", "): ")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\[\d{1,3}(?:;\d{1,3}){0,4}m(?![],:)])")  # also where ESC is gone already


def cause_of(error: object) -> str:
    """Return the cause that an error states, in one line of at most 500 characters; '' where it states none.

    `error`: what was printed, or a document that has it.
    """
    text = _of_document(error)
    return _read(both_ends(text, READ)) if text else ""


def brief(cause: str) -> str:
    """Return a cause for a title, a push or a row: at most 120 characters."""
    return _cut(cause, LONGEST)


def uncoloured(text: str) -> str:
    """Return the text without what coloured it in a terminal."""
    return _COLOURS.sub("", text).replace("\r", "\n") if "\r" in text or "[" in text else text


def both_ends(text: str, limit: int, mark: str = "\n") -> str:
    """Return a longer text without its middle, between lines where there are any: half a secret is not known as one."""
    if len(text) <= limit:
        return text
    first, last = text[: limit // 2], text[-limit // 2 :]
    return (first.rpartition("\n")[0] or first) + mark + (last.partition("\n")[2] or last)


@lru_cache(128)
def _read(text: str) -> str:
    explained = _explained(masked(text, SECRETS[:1]))
    line = masked(_cause_first(" ".join(explained.split())[:MAX_LINE]))
    end = line.find(". ", LONGEST)
    return line[: end + 1] if LONGEST < end < SENTENCE else _cut(line, SENTENCE)


def _cause_first(line: str) -> str:
    if _ABORTED in line and (reason := next((why for of in _REASONS if (why := line.rpartition(of)[2]) != line), "")):
        return f"{line.partition(_ABORTED)[0]}{_ABORTED} {ELLIPSIS} {reason}"
    for placed in _PLACED:
        if match := placed.search(line):
            where = "" if match["where"] in match["cause"] else f" ({match['where']})"
            return line[: match.start()] + match["cause"] + where + line[match.end() :]
    return line


def _explained(text: str, depth: int = 0) -> str:
    lines = [line for raw in uncoloured(text).split("\n") if (line := raw[:MAX_LINE].rstrip())]
    if len(lines) > LINES:
        lines[LINES // 2 : -LINES // 2] = []
    if not lines:
        return ""
    printed = Printed.of(lines)
    for read in READERS:
        if cause := read(printed):
            return _embedded(cause, depth) or cause
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
    text_of_field = next((text for name in WORDS if isinstance(text := document.get(name), str) and text.strip()), "")
    within = _first([part for part in parts if not isinstance(part, str)], depth)
    return (within or text_of_field or _first(parts[:1], depth)).strip()


def _first(parts: list[Any], depth: int) -> str:
    return next((cause for part in parts[: len(NESTED)] if (cause := _of_document(part, depth + 1))), "")


def _embedded(text: str, depth: int) -> str:
    """Return what a JSON document at the end of a text says, behind what stands before it; '' where there is none."""
    for mark in islice(re.finditer(r"[{\[]", text), DEEPEST) if depth < DEEPEST else ():
        start = mark.start()
        try:
            document, end = json.JSONDecoder().raw_decode(text[start:])
        except (ValueError, RecursionError):
            continue
        cause = _of_document(document)
        if not cause or (start and text[start + end :].strip(" .,;'\")")):
            continue
        before = PREFIX.sub("", " ".join(text[:start].split())).rstrip(" :=>-–'\"(")
        inner = _explained(cause, depth + 1)
        return f"{before}: {inner}" if before and len(before) + len(inner) <= LONGEST else inner
    return ""


def _cut(line: str, limit: int) -> str:
    if len(line) <= limit:
        return line
    start = line[: boundary(line, limit - 1)]
    word = start.rfind(" ")
    return (start[:word] if word > limit * 2 // 3 else start).rstrip(" ,;:.(–-") + ELLIPSIS
