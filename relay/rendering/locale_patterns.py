"""One language's numbers and times, its patterns read once: 0.5 and 1 µs instead of Babel's 10 and 9.

A message shows a dozen. Babel looks up, quantizes and fills in a pattern for each; what is written here gives the same
for everything that messages show (`tests/rendering/test_locale_patterns.py`), and asks Babel where it is not sure.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property, lru_cache

from babel import Locale
from babel.dates import format_datetime, get_timezone_name, parse_pattern
from babel.numbers import format_decimal, format_percent

MAX_ZONES = 256  # years of zones whose names are remembered
MAX_DATES = 512  # that are remembered
LARGEST = 10**12  # up to here `f"{number:.2f}"` and a decimal number of two digits are the same
PROBES = (0, 7, 999, 1000, 9999, 12_345.6, 1_234_567.89, LARGEST - 0.01)

_FIELD = re.compile(r"%\((\w+)\)s")
_ABBREVIATION = re.compile(r"[^\W\d_]{1,5}")


class LocalePatterns:
    """A zone whose short name this language lacks is `UTC+5:30`, where the CLDR has `+0530` or a whole sentence."""

    def __init__(self, locale: Locale) -> None:
        self._locale = locale
        self.percent = lru_cache(256)(self._percent)
        self._zones: dict[tuple[object, ...], str] = {}
        self.dates: dict[tuple[object, ...], str] = {}
        self._shape = lru_cache(64)(self._compiled)

    def decimal(self, number: float) -> str:
        """`1,284,530.5`; the number has at most two digits after the point."""
        if self._plain and 0 <= number < LARGEST:
            return self._grouped(number)
        return format_decimal(number, locale=self._locale)

    def time(self, local: datetime, pattern: str) -> str:
        """The time, in a zone, by a pattern of the CLDR."""
        write = self._shape(pattern)
        return write(local) if write else format_datetime(local, pattern, tzinfo=local.tzinfo, locale=self._locale)

    def remembered(self, key: tuple[object, ...], write: Callable[[], str]) -> str:
        """A time as it was written: a message says most of its times twice, and its edits say them again."""
        date = self.dates.get(key)
        if date is None:
            date = write()
            if len(self.dates) >= MAX_DATES:
                self.dates.clear()
            self.dates[key] = date
        return date

    @cached_property
    def _plain(self) -> bool:
        return all(self._grouped(number) == format_decimal(number, locale=self._locale) for number in PROBES)

    @cached_property
    def _marks(self) -> dict[int, str]:
        symbols = self._locale.number_symbols["latn"]
        return str.maketrans({",": symbols["group"], ".": symbols["decimal"]})

    def _grouped(self, number: float) -> str:
        text = f"{number:,}" if isinstance(number, int) else f"{number:,.2f}".rstrip("0").rstrip(".")
        return text if text.isdigit() else text.translate(self._marks)

    def _percent(self, whole: int) -> str:
        return format_percent(whole / 100, locale=self._locale)

    def _compiled(self, pattern: str) -> Callable[[datetime], str] | None:
        """What writes a time by this pattern; None if a part of it is not known here."""
        months, days = self._locale.months["format"], self._locale.days["format"]
        writers: dict[str, Callable[[datetime], str]] = {
            "HH": lambda time: f"{time.hour:02}",
            "mm": lambda time: f"{time.minute:02}",
            "d": lambda time: str(time.day),
            "y": lambda time: str(time.year),
            "MMM": lambda time: months["abbreviated"][time.month],
            "MMMM": lambda time: months["wide"][time.month],
            "EEE": lambda time: days["abbreviated"][time.weekday()],
            "EEEE": lambda time: days["wide"][time.weekday()],
            "z": self.zone,
        }
        shape = str(parse_pattern(pattern).format)
        fields = set(_FIELD.findall(shape))
        if not fields <= writers.keys():
            return None
        parts = [(name, writers[name]) for name in fields]
        return lambda time: shape % {name: write(time) for name, write in parts}

    def zone(self, time: datetime) -> str:
        """`CET`, which Babel takes 40 µs to find. In one year a zone has one name in summer and one in winter."""
        key = time.tzinfo, time.year, time.utcoffset(), time.dst()
        name = self._zones.get(key)
        if name is None:
            if len(self._zones) >= MAX_ZONES:
                self._zones.clear()
            spelled = get_timezone_name(time, width="short", locale=self._locale)
            name = self._zones[key] = spelled if _ABBREVIATION.fullmatch(spelled) else _offset(time)
        return name


def _offset(local: datetime) -> str:
    minutes = int((local.utcoffset() or timedelta()).total_seconds()) // 60
    hours, rest = divmod(abs(minutes), 60)
    return f"UTC{'−' if minutes < 0 else '+'}{hours}{f':{rest:02}' if rest else ''}" if minutes else "UTC"
