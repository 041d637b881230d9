"""Texts cut between characters as people see them, and Slack's mrkdwn: escaped, measured, cut. Pure."""

import re
import unicodedata

ELLIPSIS = "…"
# What one message may hold. The sum of all text is not documented: messages of 11,341 characters have been refused.
TEXT_BUDGET = 9_000  # characters in all blocks together
MAX_BLOCKS = 50

_TOKEN = re.compile(r"<[^<>]*>|&(?:amp|lt|gt);|.", re.DOTALL)
_FENCE = "```"
_MARKS = ("Mn", "Me", "Mc", "Cf")  # accents, enclosing and vowel signs, joiners and zero-width marks


def boundary(text: str, end: int) -> int:
    """Return the last place up to `end` where the text can be cut: not before a mark that belongs to a character."""
    while 0 < end < len(text) and attached(text[:end], text[end]):
        end -= 1
    return end


def attached(before: str, character: str) -> bool:
    """Return whether the character joins the one before it: https://unicode.org/reports/tr29/, in its main lines."""
    if unicodedata.category(character) in _MARKS or "\U0001f3fb" <= character <= "\U0001f3ff":  # skin tones
        return True
    if "\u1160" <= character <= "\u11ff" or before[-1] == "\u200d":
        return True
    flags = len(before) - len(before.rstrip("".join(map(chr, range(0x1F1E6, 0x1F200)))))
    return flags % 2 == 1 and "\U0001f1e6" <= character <= "\U0001f1ff"


def escape_mrkdwn(text: str) -> str:
    """Escape the text so that Slack shows it as it is."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def length(text: str) -> int:
    """Count UTF-16 units: Slack does not say how it counts, and no way of counting gives more."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def truncate_mrkdwn(text: str, limit: int) -> str:
    """Cut the text to at most `limit` characters and mark its end. A code block that is cut is closed."""
    if length(text) <= limit:
        return text
    room = limit - len(ELLIPSIS) - (len(_FENCE) if _FENCE in text else 0)
    tokens = _TOKEN.findall(text)
    count = 0
    for token in tokens:
        room -= length(token) if len(token) > 1 or token > "\uffff" else 1  # noqa: S105 - a piece of text
        if room < 0:
            break
        count += 1
    while 0 < count < len(tokens) and len(tokens[count]) == 1 and attached("".join(tokens[:count]), tokens[count]):
        count -= 1
    cut = "".join(tokens[:count]).rstrip() + ELLIPSIS
    return cut + _FENCE if cut.count(_FENCE) % 2 else cut
