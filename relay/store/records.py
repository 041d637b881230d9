"""Records of operations: short values in packed fields (`scripts/include/records.lua`)."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from struct import Struct, error
from typing import Any

from pydantic_core import to_json as to_bytes

from relay.domain.events import TEXTS, Event
from relay.store.keys import REMEMBERED
from relay.store.sealing import AUDIENCE, ERROR, LABELS, NAME, PATH, PRESSED, Sealer

Value = str | int | float | bool | None

_NUMBERS = {
    kind: Struct(code)
    for kind, code in zip(range(0xCA, 0xD4), (">f", ">d", ">B", ">H", ">I", ">Q", ">b", ">h", ">i", ">q"), strict=True)
}
_FLOAT, _DOUBLE = 0xCA, 0xCB
_TEXTS = {0xD9: 1, 0xDA: 2, 0xDB: 4}  # bytes of the length
_CONSTANTS: dict[int, Value] = {0xC0: None, 0xC2: False, 0xC3: True}


def _decoded(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def unpack(packed: bytes, text: Callable[[bytes], str] = _decoded) -> Iterator[Value]:
    """The values one by one. ValueError where it is damaged or of types that the scripts do not write."""
    offset, end = 0, len(packed)
    while offset < end:
        kind = packed[offset]
        offset += 1
        if kind < 0x80:
            yield kind
        elif kind >= 0xE0:
            yield kind - 0x100
        elif kind in _CONSTANTS:
            yield _CONSTANTS[kind]
        elif number := _NUMBERS.get(kind):
            if offset + number.size > end:
                raise ValueError("a number is cut off")
            yield number.unpack_from(packed, offset)[0]
            offset += number.size
        else:
            if 0xA0 <= kind < 0xC0:
                length = kind - 0xA0
            elif width := _TEXTS.get(kind):
                length = int.from_bytes(packed[offset : offset + width])
                offset += width
            else:
                raise ValueError(f"nothing that the scripts write: {kind:#x}")
            if offset + length > end:
                raise ValueError("a text is cut off")
            yield text(packed[offset : offset + length])
            offset += length


def pack(values: Sequence[Value]) -> bytes:
    """These values as the scripts would write them, byte for byte."""
    return b"".join(_packed(value) for value in values)


def _packed(value: Value) -> bytes:
    if isinstance(value, str):
        return _packed_text(value.encode())
    if isinstance(value, bool) or value is None:
        return next(bytes([kind]) for kind, constant in _CONSTANTS.items() if constant is value)
    if value == int(value):
        return _packed_whole(int(value))
    short = _NUMBERS[_FLOAT].pack(value) if abs(value) < 1e38 else b""
    if short and _NUMBERS[_FLOAT].unpack(short)[0] == value:
        return bytes([_FLOAT]) + short
    return bytes([_DOUBLE]) + _NUMBERS[_DOUBLE].pack(value)


def _packed_text(text: bytes) -> bytes:
    length = len(text)
    if length < 0x20:
        return bytes([0xA0 + length]) + text
    kind, width = next((kind, width) for kind, width in _TEXTS.items() if length < 256**width)
    return bytes([kind]) + length.to_bytes(width) + text


def _packed_whole(number: int) -> bytes:
    if -0x20 <= number < 0x80:
        return bytes([number % 256])
    for kind in range(0xCC, 0xD0) if number >= 0 else range(0xD0, 0xD4):
        with suppress(error):
            return bytes([kind]) + _NUMBERS[kind].pack(number)
    return bytes([_DOUBLE]) + _NUMBERS[_DOUBLE].pack(number)


# By field, in the order of the scripts.
PACKED: Mapping[str, Sequence[str]] = {
    "state": (
        "rank", "retry", "at", "seq", "last", "percentage", "phases", "status", "watch:heard", "watch:moved",
        "watch:gaps", "watch:phase", "seq:operation.progress",
    ),
    "run": (
        "first", "began", "kept", "apart", "many", "watch:estimate", "watch:estimated", "watch:planned", "watch:moves",
        "watch:deadline", "watch:alarms", "watch:asked", "seq:operation.started", "seq:operation.phase.completed",
        "seq:operation.stalled", "seq:operation.recovered", "seq:operation.completed", "seq:operation.failed",
        "seq:operation.cancelled", "seq:batch.started", "seq:batch.operation.completed", "seq:batch.completed",
        "away", "followers", "starts", "ends", "went_on",
    ),
    "facts": (
        "id", "fact:platform", "fact:tenant", "fact:project", "fact:original", "fact:retry", "fact:restarts",
        "fact:type", "fact:name", "fact:priority", "fact:batch", "fact:audience", "fact:pressed", "led", "entry:name",
        "entry:type", "entry:priority", "entry:path", "entry:batch", "entry:total", "entry:started", "led_home",
        "fact:more", "fact:failed_phase", "fact:labels",
    ),
}  # fmt: skip
FIELDS = (*PACKED,)
OVER = "2"  # the rank of an outcome
# What a summary says beside what lasts, in the order of scripts/include/bundles.lua.
ENTRY = ("status", "at", "retry", "percentage", "phase", "duration", "error", "rule", "variants", "anomalies",
         "records", "done_count", "failed_count")  # fmt: skip
_ENTRY_BITS = [(name, 1 << bit) for bit, name in enumerate(ENTRY)]
STATED, LASTING = (
    [name.removeprefix(kind) for name in PACKED["facts"] if name.startswith(kind)] for kind in ("fact:", "entry:")
)
STATED.remove(MORE := "more")  # a JSON object of the declared texts (relay.domain.events) that have no place here

# Texts that scripts carry and never read, where there is a key; and what they are.
SEALED = {"fact:name": NAME, "fact:audience": AUDIENCE, "fact:pressed": PRESSED, "fact:failed_phase": ERROR,
          "fact:labels": LABELS, "entry:name": NAME, "entry:path": PATH}  # fmt: skip
SEALED_IN_ENTRIES = {"name": NAME, "path": PATH, "error": ERROR}
_PLACES = [(part, name) for part, _, name in (place.partition(":") for place in PACKED["facts"])]
_SEALED_AT = [(PACKED["facts"].index(name), kind) for name, kind in SEALED.items()]

to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode  # made once


@lru_cache(maxsize=REMEMBERED)  # facts are the same in every event of a run
def values_of(field: str, packed: bytes | None) -> Mapping[str, str]:
    """The values of this field by name, each as text; what is absent is left out."""
    values = zip(PACKED[field], unpack(packed or b""), strict=False)  # a newer relay may keep more
    named = {name: _text(value) for name, value in values if value is not None and value is not False}
    if more := named.pop(f"fact:{MORE}", ""):
        named |= {f"fact:{name}": value for name, value in json.loads(more).items()}
    return named


def values_in(row: Iterable[bytes | None]) -> dict[str, str]:
    """The values of all `FIELDS`, in the order of these."""
    return {
        name: value
        for field, packed in zip(FIELDS, row, strict=True)
        for name, value in values_of(field, packed).items()
    }


def _text(value: Value) -> str:
    """Return the text that JSON and Lua write: 30 for 30.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else f"{value}"


def documents_of(row: Mapping[bytes, bytes], up_to: int | None = None) -> list[bytes]:
    """The bodies of the newest events of each name in an operation's record, in the order in which they came.

    `up_to`: without those that came after the event of this number.
    """
    seqs = values_in(row.get(field.encode()) for field in FIELDS)
    kept = [name for name in row if name.startswith(b"doc:")]
    numbered = sorted((int(seqs.get(f"seq:{name[4:].decode()}", 0)), name) for name in kept)
    return [row[name] for number, name in numbered if up_to is None or number <= up_to]


def packed_facts(
    event: Event, stated: Mapping[str, str], summary: Mapping[str, Any], sealer: Sealer | None = None
) -> bytes:
    """Return its lasting facts as the scripts keep them; a value of the summary is True where a fact has it."""
    if event.original:  # facts of the new id, not of the original
        stated = {name: value for name, value in stated.items() if name not in ("original", "retry")}
    if event.restarts and not event.about_batch:
        stated = {**stated, "restarts": f"{event.restarts}"}
    lasting = tuple([summary.get(name) for name in LASTING])
    return _packed_facts(event.subject, tuple(stated.items()), lasting, sealer)


@lru_cache(maxsize=REMEMBERED)  # the same in every event of a run; each place has one type
def _packed_facts(
    subject: str, facts: Iterable[tuple[str, str]], lasting: Iterable[Value], sealer: Sealer | None
) -> bytes:
    stated = dict(facts)
    same = [
        True if value and value == stated.get(name) else value for name, value in zip(LASTING, lasting, strict=True)
    ]
    more = {name: stated[name] for name in TEXTS if name in stated and name not in STATED}
    parts: dict[str, dict[str, Value]] = {
        "id": {"": subject},
        "fact": {**stated, MORE: to_json(more) if more else None},
        "entry": dict(zip(LASTING, same, strict=True)),
    }
    row = [parts[part].get(name) if part in parts else None for part, name in _PLACES]  # None: where its run is led
    if sealer is not None:
        for index, kind in _SEALED_AT:
            if isinstance(text := row[index], str):
                row[index] = sealer.seal_text(text, kind)
    while row[-1] is None:
        row.pop()
    return pack(row)


def entry_of(summary: Mapping[str, Any], sealer: Sealer | None = None) -> bytes:
    """The rest of the summary: the number of the run, which of the values there are, and these."""
    if not summary:
        return b""
    if sealer is not None and "error" in summary:
        summary = {**summary, "error": sealer.seal_text(summary["error"], ERROR)}
    marks = 0
    for name, bit in _ENTRY_BITS:
        if name in summary:
            marks |= bit
    values = [summary.get(name, False) for name in ENTRY[: marks.bit_length()]]
    return b"%d %d %s" % (summary["retry"], marks, to_bytes(values))
