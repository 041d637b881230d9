"""Durations, sizes and rates as people write them: `90s`, `10 seconds`, `1h30m`, `1MiB`, `100/s`. Pure."""

import re

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
BYTES = {"b": 1, "kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 2**10, "mib": 2**20, "gib": 2**30}
LONGEST = 366 * SECONDS["d"]


def any_case(pattern: str) -> str:
    """The same pattern for letters of either case; a JSON Schema's have no flag for that.

    It may escape punctuation, and holds neither character classes nor escaped letters.
    """
    return re.sub("[A-Za-z]", lambda found: f"[{found[0].upper()}{found[0].lower()}]", pattern)


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
DURATION, SIZE, RATE = (f"^(?:{shape.pattern})$" for shape in (_DURATION, re.compile(rf"{_NUMBER}\s?[A-Za-z]*"), _RATE))


def duration(written: object) -> float:
    """Seconds in `90s`, `1h30m`, `10 seconds`, or a plain number of seconds; ValueError says what was expected."""
    seconds = _number(written)
    if seconds is None and isinstance(written, str) and (found := _DURATION.fullmatch(written)):
        parts = [float(number) * SECONDS[unit] for number, unit in zip(found.groups(), _ORDER, strict=True) if number]
        seconds = sum(parts) if parts else None
    if seconds is None:
        raise ValueError("expected a duration such as 90s, 5m or 1h30m, or a number of seconds")
    if seconds > LONGEST:
        raise ValueError("expected a duration of at most 366 days")
    return seconds


def size(written: object) -> int:
    """Bytes in `1MiB` or `256kB`, or a plain number of bytes; ValueError says what was expected."""
    number, unit = _number(written), "b"
    if number is None and isinstance(written, str) and (found := _SIZE.fullmatch(written)):
        number, unit = float(found[1]), found[2].lower()
    if number is None or unit not in BYTES or (found_bytes := number * BYTES[unit]) % 1:
        raise ValueError("expected a size such as 1MiB or 256kB, or a number of bytes")
    return int(found_bytes)


def rate(written: object) -> tuple[int, float]:
    """How many, and in how many seconds: `100/s`, `600/min`, `5000/h`; ValueError says what was expected."""
    found = _RATE.fullmatch(written) if isinstance(written, str) else None
    if not found or not int(found[1]):
        raise ValueError("expected a rate such as 100/s, 600/min or 5000/h")
    return int(found[1]), SECONDS["m" if found[2] == "min" else found[2]]


def spoken(seconds: float) -> str:
    """These seconds written again, in the largest unit that divides them: `90s`, `5m`, `1h`."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % SECONDS[unit] == 0:
            return f"{seconds / SECONDS[unit]:.10g}{unit}"
    return f"{seconds:.10g}s"


def _number(written: object) -> float | None:
    """A plain number of at least 0, also as text; None for everything else."""
    if isinstance(written, str):
        return float(written) if re.fullmatch(_NUMBER, written, re.ASCII) else None
    if isinstance(written, bool) or not isinstance(written, int | float):
        return None
    return float(written) if 0 <= written < 10**12 else None
