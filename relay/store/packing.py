"""Values packed one behind the other, as the scripts pack them: of MessagePack's types those that Lua has.

https://github.com/msgpack/msgpack/blob/master/spec.md
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from struct import Struct, error

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
        return _text(value.encode())
    if isinstance(value, bool) or value is None:
        return next(bytes([kind]) for kind, constant in _CONSTANTS.items() if constant is value)
    if value == int(value):
        return _whole(int(value))
    short = _NUMBERS[_FLOAT].pack(value) if abs(value) < 1e38 else b""
    if short and _NUMBERS[_FLOAT].unpack(short)[0] == value:
        return bytes([_FLOAT]) + short
    return bytes([_DOUBLE]) + _NUMBERS[_DOUBLE].pack(value)


def _text(text: bytes) -> bytes:
    length = len(text)
    if length < 0x20:
        return bytes([0xA0 + length]) + text
    kind, width = next((kind, width) for kind, width in _TEXTS.items() if length < 256**width)
    return bytes([kind]) + length.to_bytes(width) + text


def _whole(number: int) -> bytes:
    if -0x20 <= number < 0x80:
        return bytes([number % 256])
    for kind in range(0xCC, 0xD0) if number >= 0 else range(0xD0, 0xD4):
        with suppress(error):
            return bytes([kind]) + _NUMBERS[kind].pack(number)
    return bytes([_DOUBLE]) + _NUMBERS[_DOUBLE].pack(number)
