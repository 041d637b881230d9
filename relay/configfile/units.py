"""Durations, sizes and rates as people write them: `90s`, `10 seconds`, `1h30m`, `1MiB`, `100/s`. Pure."""

import re

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
LONGEST = 366 * SECONDS["d"]


def any_case(pattern: str) -> str:
    """Return the pattern for letters of either case, since a JSON Schema has no flag; it has no character classes."""
    return re.sub("[A-Za-z]", lambda match: f"[{match[0].upper()}{match[0].lower()}]", pattern)


_ORDER = ("d", "h", "m", "s", "ms")
_NUMBER = r"\d{1,12}(?:\.\d{1,6})?"
_UNITS = (  # as in _ORDER
    r"d|days?",
    r"h|hrs?\.?|hours?",
    r"m|mins?\.?|minutes?",
    r"s|secs?\.?|seconds?",
    r"ms|milliseconds?",
)
_DURATION = re.compile(r"\s?".join(rf"(?:({_NUMBER})\s?(?:{any_case(unit)}))?" for unit in _UNITS), re.ASCII)
_SIZE = re.compile(rf"({_NUMBER})\s?([a-z]*)", re.ASCII | re.IGNORECASE)
_RATE = re.compile(r"(\d{1,9})\s?/\s?(s|m|min|h|d)", re.ASCII)

# The same as patterns for a JSON Schema.
DURATION, SIZE, RATE = (
    f"^(?:{shape})$" for shape in (f"0|{_DURATION.pattern}", rf"{_NUMBER}\s?[A-Za-z]*", _RATE.pattern)
)


def duration(raw: object, units: str = "sm") -> float:
    """Return the seconds in `90s` or `1h30m`; ValueError for a text without a unit, of which `units` are suggested."""
    if isinstance(raw, str) and (number := _number(raw)):
        raise ValueError(f"expected a unit: {' or '.join(f'{number:.10g}{unit}' for unit in units)}?")
    return seconds(raw)


def days(raw: object) -> float:
    """Return the seconds in a duration that is usually some days."""
    return duration(raw, "d")


def seconds(raw: object) -> float:
    """Return the seconds in a duration or in a plain number, as the platform's API has them in `retry`."""
    number = _number(raw)
    if number is None and isinstance(raw, str) and (match := _DURATION.fullmatch(raw)):
        parts = [float(part) * SECONDS[unit] for part, unit in zip(match.groups(), _ORDER, strict=True) if part]
        number = sum(parts) if parts else None
    if number is None:
        raise ValueError("expected a duration such as 90s, 5m or 1h30m")
    if number > LONGEST:
        raise ValueError("expected a duration of at most 366 days")
    return number


def size(raw: object) -> int:
    """Return the bytes in `1MiB` or `256kB`, or a plain number of bytes; ValueError says what was expected."""
    number, unit = _number(raw), "b"
    if number is None and isinstance(raw, str) and (match := _SIZE.fullmatch(raw)):
        number, unit = float(match[1]), match[2].lower()
    if number is None or unit not in BYTES or (total := number * BYTES[unit]) % 1:
        raise ValueError("expected a size such as 1MiB or 256kB, or a number of bytes")
    return int(total)


def rate(raw: object) -> tuple[int, float]:
    """Return the count and the seconds of `100/s`, `600/min`, `5000/h`; ValueError says what was expected."""
    match = _RATE.fullmatch(raw) if isinstance(raw, str) else None
    if not match or not int(match[1]):
        raise ValueError("expected a rate such as 100/s, 600/min or 5000/h")
    return int(match[1]), SECONDS["m" if match[2] == "min" else match[2]]


def spoken(seconds: float) -> str:
    """Return seconds as a duration, in the largest unit that divides them: `90s`, `5m`, `1h`."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % SECONDS[unit] == 0:
            return f"{seconds / SECONDS[unit]:.10g}{unit}"
    return f"{seconds:.10g}s"


def spoken_size(number: float) -> str:
    """Return bytes as a size, in the largest unit that divides them: `1KiB`, `64MiB`."""
    for unit in ("GiB", "MiB", "KiB"):
        if number and number % BYTES[unit.lower()] == 0:
            return f"{number / BYTES[unit.lower()]:.10g}{unit}"
    return f"{number:.10g}"


def _number(raw: object) -> float | None:
    """Return a plain number of at least 0, also of text; None for everything else."""
    if isinstance(raw, str):
        return float(raw) if re.fullmatch(_NUMBER, raw, re.ASCII) else None
    if isinstance(raw, bool) or not isinstance(raw, int | float):
        return None
    return float(raw) if 0 <= raw < 10**12 else None
