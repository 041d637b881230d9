"""What the scripts keep of an operation: short values in packed fields (`scripts/include/records.lua`).

Values stand in MessagePack (https://github.com/msgpack/msgpack/blob/master/spec.md) one behind the other, nil where one
is absent; of its types those that Lua has.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache

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
    ),
    "facts": (
        "id", "fact:platform", "fact:tenant", "fact:project", "fact:original", "fact:retry", "fact:restarts",
        "fact:type", "fact:name", "fact:priority", "fact:batch", "fact:audience", "fact:pressed", "led", "entry:name",
        "entry:type", "entry:priority", "entry:path", "entry:batch", "entry:total", "entry:started",
    ),
}  # fmt: skip
FIELDS = (*PACKED,)
Value = str | int | float | bool | None

_NUMBERS = {0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i",
            0xD3: ">q"}  # fmt: skip
_TEXTS = {0xD9: 1, 0xDA: 2, 0xDB: 4}  # bytes of the length
_CONSTANTS: Mapping[int, Value] = {0xC0: None, 0xC2: False, 0xC3: True}


def _decoded(packed: bytes) -> str:
    return packed.decode("utf-8", "replace")


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
        elif kind in _NUMBERS:
            number = struct.Struct(_NUMBERS[kind])
            if offset + number.size > end:
                raise ValueError("a number is cut off")
            yield number.unpack_from(packed, offset)[0]
            offset += number.size
        else:
            if 0xA0 <= kind < 0xC0:
                length = kind - 0xA0
            elif kind in _TEXTS:
                width = _TEXTS[kind]
                length = int.from_bytes(packed[offset : offset + width])
                offset += width
            else:
                raise ValueError(f"nothing that the scripts write: {kind:#x}")
            if offset + length > end:
                raise ValueError("a text is cut off")
            yield text(packed[offset : offset + length])
            offset += length


@lru_cache(maxsize=4096)
def pack(values: Sequence[Value]) -> bytes:
    """These values as the scripts would write them, byte for byte. Cached: events of one run state the same facts."""
    return b"".join(_packed(value) for value in values)


def _packed(value: Value) -> bytes:
    if isinstance(value, str):
        text = value.encode()
        length = len(text)
        if length < 32:
            return bytes([0xA0 + length]) + text
        kind, width = next((kind, width) for kind, width in _TEXTS.items() if length < 256**width)
        return bytes([kind]) + length.to_bytes(width) + text
    if isinstance(value, bool) or value is None:
        return next(bytes([kind]) for kind, constant in _CONSTANTS.items() if constant is value)
    if value != int(value):
        short = struct.pack(">f", value)
        return b"\xca" + short if struct.unpack(">f", short)[0] == value else b"\xcb" + struct.pack(">d", value)
    return _whole(int(value))


def _whole(number: int) -> bytes:
    if -32 <= number < 128:
        return bytes([number % 256])
    kinds = range(0xCC, 0xD0) if number >= 0 else range(0xD0, 0xD4)
    for kind in kinds:
        with suppress(struct.error):
            return bytes([kind]) + struct.pack(_NUMBERS[kind], number)
    return b"\xcb" + struct.pack(">d", number)


def values_of(field: str, packed: bytes | None) -> dict[str, str]:
    """The values of this field by name, each as text; what is absent is left out."""
    values = zip(PACKED[field], unpack(packed or b""), strict=False)  # a newer relay may keep more
    return {name: _text(value) for name, value in values if value is not None and value is not False}


def values_in(row: Iterable[bytes | None]) -> dict[str, str]:
    """The values of all `FIELDS`, in the order of these."""
    return {
        name: value
        for field, packed in zip(FIELDS, row, strict=True)
        for name, value in values_of(field, packed).items()
    }


def _text(value: Value) -> str:
    """As JSON and Lua write it: 30 for 30.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else f"{value}"


def documents_of(row: Mapping[bytes, bytes]) -> list[bytes]:
    """The bodies of the newest events of each name in an operation's record, in the order in which they came."""
    seqs = values_in(row.get(field.encode()) for field in FIELDS)
    kept = [name for name in row if name.startswith(b"doc:")]
    return [row[name] for name in sorted(kept, key=lambda name: int(seqs.get(f"seq:{name[4:].decode()}", 0)))]
