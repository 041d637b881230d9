"""Durations as documents write them, mostly as English text: "23 minutes 15 seconds", "00:45:12". Pure."""

import re
from functools import lru_cache

SECONDS = {"d": 86_400.0, "h": 3600.0, "min": 60.0, "s": 1.0}
UNITS = {"d": "d", "day": "d", "h": "h", "hr": "h", "hour": "h", "m": "min", "min": "min", "minute": "min",
         "s": "s", "sec": "s", "second": "s"}  # fmt: skip
NUMBER = r"\d{1,12}(?:\.\d{1,6})?"
LONGEST = 100  # characters

_PART = re.compile(rf"\s*(?:and\s+|,\s*)?({NUMBER})(?:\s*(?:-|–|to)\s*({NUMBER}))?\s*({'|'.join(UNITS)})s?\b", re.I)
_CLOCK = re.compile(r"(?:(\d{1,4})\.)?(\d{1,3}):([0-5]\d):([0-5]\d)(?:\.\d+)?")
_ISO = re.compile(rf"P(?:({NUMBER})D)?(?:T(?:({NUMBER})H)?(?:({NUMBER})M)?(?:({NUMBER})S)?)?", re.I)


def seconds(value: object) -> float | None:
    """Read the seconds in "23 minutes 15 seconds", "1h 5m", "00:45:12" or "PT45M"; None if it is none of these."""
    text = (value if isinstance(value, str) else "").strip()
    return _seconds(text) if len(text) <= LONGEST else None


@lru_cache(512)  # phases keep their durations from edit to edit
def _seconds(text: str) -> float | None:
    if match := _CLOCK.fullmatch(text):
        days, *rest = (float(part or 0) for part in match.groups())
        return days * SECONDS["d"] + sum(part * size for part, size in zip(rest, (3600, 60, 1), strict=True))
    if (match := _ISO.fullmatch(text)) and any(match.groups()):
        parts = zip(match.groups(), SECONDS.values(), strict=True)
        return sum(float(part) * size for part, size in parts if part)
    parts_found = list(_PART.finditer(text))
    if not parts_found or "".join(part[0] for part in parts_found) != text or any(part[2] for part in parts_found):
        return None
    return sum(float(part[1]) * SECONDS[UNITS[part[3].lower()]] for part in parts_found)


def ranged(value: object) -> tuple[float, float, str] | None:
    """Read the bounds and the unit in "15-20 minutes"; None if it is no such text."""
    match = _PART.fullmatch((value if isinstance(value, str) else "").strip())
    return (float(match[1]), float(match[2]), UNITS[match[3].lower()]) if match and match[2] else None
