"""Texts cut between characters as people see them; Slack's mrkdwn; colours and their contrast. Pure."""

import re
import unicodedata

ELLIPSIS = "…"
# What one message may hold. The sum of all text is not documented: messages of 11,341 characters have been refused.
TEXT_BUDGET = 9_000  # characters in all blocks together
MAX_BLOCKS = 50

HIDDEN = re.compile(  # bidi marks and overrides, zero-width and tag characters, fillers: they disguise what is read
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f]|[\x00-\x08\x0e-\x1f\x7f-\x9f]"
)
_TOKEN = re.compile(r"<[^<>]*>|&(?:amp|lt|gt);|.", re.DOTALL)
_FENCE = "```"
_MARKS = ("Mn", "Me", "Mc", "Cf")  # accents, enclosing and vowel signs, joiners and zero-width marks
HEX = r"#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})"
WHITE, BLACK = "#FFFFFF", "#000000"
OF_TEXT, OF_SHAPES = 4.5, 3.0  # what WCAG AA asks for
STEPS = 20


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


def contrast(colour: str, other: str) -> float:
    """Return the contrast from 1, the same, to 21, black on white."""
    darker, lighter = sorted((_luminance(colour), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def text_on(colour: str) -> str:
    """Return white if it can be read on this colour, else black."""
    return WHITE if contrast(colour, WHITE) >= OF_TEXT else BLACK


def seen_on(background: str, colour: str) -> str:
    """Lighten or darken the colour until it differs enough from the background."""
    towards = WHITE if contrast(background, WHITE) > contrast(background, BLACK) else BLACK
    shades = (_mixed(colour, towards, step / STEPS) for step in range(STEPS + 1))
    return next(shade for shade in shades if contrast(shade, background) >= OF_SHAPES)


def full(colour: str) -> str:
    """Write `#0b5` as `#00BB55`."""
    digits = re.sub("(.)", r"\1\1", colour[1:]) if len(colour) == 4 else colour[1:]
    return f"#{digits.upper()}"


def _channels(colour: str) -> tuple[int, ...]:
    return tuple(int(full(colour)[start : start + 2], 16) for start in (1, 3, 5))


def _luminance(colour: str) -> float:
    parts = (channel / 255 for channel in _channels(colour))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _mixed(colour: str, towards: str, share: float) -> str:
    pairs = zip(_channels(colour), _channels(towards), strict=True)
    return "#" + "".join(f"{round(start + (end - start) * share):02X}" for start, end in pairs)
