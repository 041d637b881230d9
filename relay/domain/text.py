"""Texts cut to a length without tearing apart a character as people see it. Pure."""

import unicodedata

ELLIPSIS = "…"

_MARKS = ("Mn", "Me", "Mc", "Cf")  # accents, enclosing and vowel signs, joiners and zero-width marks


def boundary(text: str, end: int) -> int:
    """The last place up to `end` at which the text can be cut: not before a mark that belongs to what stands there."""
    while 0 < end < len(text) and attached(text[:end], text[end]):
        end -= 1
    return end


def attached(before: str, character: str) -> bool:
    """Whether the character is one with what stands before it: https://unicode.org/reports/tr29/, in its main lines."""
    if unicodedata.category(character) in _MARKS or "\U0001f3fb" <= character <= "\U0001f3ff":  # skin tones
        return True
    if "\u1160" <= character <= "\u11ff" or before[-1] == "\u200d":
        return True
    flags = len(before) - len(before.rstrip("".join(map(chr, range(0x1F1E6, 0x1F200)))))
    return flags % 2 == 1 and "\U0001f1e6" <= character <= "\U0001f1ff"
