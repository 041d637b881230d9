"""Colours in hex notation, and the contrast between them. Pure.

https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
"""

import re

HEX = r"#([0-9A-Fa-f]{3}|[0-9A-Fa-f]{6})"
WHITE, BLACK = "#FFFFFF", "#000000"
OF_TEXT, OF_SHAPES = 4.5, 3.0  # what WCAG AA asks for
STEPS = 20


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
