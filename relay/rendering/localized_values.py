"""Numbers, times and amounts as the readers of one language and one zone expect them. Pure.

Documents mostly have amounts as English text ("15-20 minutes", "3.2 MB", "1890 records/minute", "$2.45"). What is
understood is written anew, what is not as it came.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.numbers import format_currency

from relay.domain.documents import NUMBER, SECONDS, UNITS, moment, parse_duration, ranged
from relay.rendering.translations import SOURCE, Language, LocalePatterns

ROUGHLY = 600  # seconds; of a longer duration nobody waits for the seconds
LONGEST = 40  # characters of a time that is remembered
CURRENCIES = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY"}
LARGEST = 1e18  # with its digits after the point it is still written as a decimal number
SIZES = ("B", "KB", "MB", "GB", "TB", "PB")


BRITISH = LocalePatterns(Locale("en", "GB"))  # plain English is American to the CLDR, which knows no CET there
# The patterns of a time that is today, this year, or neither. They are messages: each language has its own.
STYLES = {
    "short": ("HH:mm", "d MMM, HH:mm", "d MMM y, HH:mm"),
    "at": ("'at' HH:mm", "'on' d MMM 'at' HH:mm", "'on' d MMM y 'at' HH:mm"),
    "full": ("d MMMM y, HH:mm z",) * 3,
    "date": ("d MMMM", "d MMMM", "d MMMM y"),
    "day": ("EEEE d MMMM, HH:mm",) * 3,
    "named": ("EEEE, d MMMM",) * 3,
    "number": ("d",) * 3,
    "weekday": ("EEEE",) * 3,
    "weekdate": ("EEE d",) * 3,
    "zoned": ("HH:mm z, d MMM", "d MMM, HH:mm z", "d MMM y, HH:mm z"),
    "zoned at": ("'at' HH:mm z 'on' d MMM", "'on' d MMM 'at' HH:mm z", "'on' d MMM y 'at' HH:mm z"),
    "today": ("d MMMM y",) * 3,
    "zone": ("z",) * 3,
    "clock": ("HH:mm",) * 3,
}

_SIZE = re.compile(rf"({NUMBER})\s*([KMGTP]?i?B)", re.I)
_RATE = re.compile(rf"({NUMBER})\s*(?:records?|rows?)?\s*(?:/|per\s)\s*({'|'.join(UNITS)})s?", re.I)
_MONEY = re.compile(rf"(US\$|[$€£¥])\s*(-?{NUMBER})|(-?{NUMBER})\s*([A-Z]{{3}}|[$€£¥])")


@dataclass(frozen=True, slots=True)
class Localizer:
    """Formats of one reader. Each method takes a document's value, a number or a text, and returns a text."""

    language: Language
    zone: ZoneInfo
    now: datetime

    def num(self, value: object, digits: int = 2) -> str:
        """Write `1,284,530.5`, with at most two digits after the point."""
        number = _real(value)
        if number is None:
            return _text(value)
        return self.language.patterns.decimal(round(number, max(0, min(digits, 2))) or 0)

    def pct(self, value: object) -> str:
        """Write a whole percentage, never rounded up: 99.9 is `99%`."""
        number = _real(value)
        if number is None:
            return _text(value)
        return self.language.patterns.percent(math.floor(number))

    def duration(self, value: object) -> str:
        """Write `1 h 35 min` for seconds or for an English text; a range keeps its unit: `45–60 min`."""
        number = _real(value)
        if number is None:
            interval = ranged(value)
            if interval:
                low, high, unit = interval
                return f"{self.num(low)}–{self.num(high)} {unit}"
            number = parse_duration(value)
        return _text(value) if number is None else _spelled_out(number)

    def bytes(self, value: object) -> str:
        """Write `3.2 MB` for a number of bytes, in decimal units, or for an English text."""
        number = _real(value)
        if number is not None:
            power = min(int(math.log(number, 1000)), len(SIZES) - 1) if number >= 1 else 0
            return f"{self.num(round(number / 1000**power, 1))} {SIZES[power]}"
        match = _SIZE.fullmatch(_text(value))
        return f"{self.num(float(match[1]))} {match[2]}" if match else _text(value)

    def rate(self, value: object) -> str:
        """Write `1,890/min` for "1890 records/minute"; a number is per second."""
        number = _real(value)
        if number is not None:
            return f"{self.num(number)}/s"
        match = _RATE.fullmatch(_text(value))
        return f"{self.num(float(match[1]))}/{UNITS[match[2].lower()]}" if match else _text(value)

    def money(self, value: object) -> str:
        """Write `$2.45` the way it is written here."""
        match = _MONEY.fullmatch(_text(value))
        if not match:
            return _text(value)
        sign, amount = (match[1], match[2]) if match[1] else (match[4], match[3])
        return format_currency(Decimal(amount), CURRENCIES.get(sign, sign), locale=self.language.locale)

    def amount(self, value: object) -> str:
        """Write whatever it is: a number, a size, a rate, money, a duration, yes or no, or a text."""
        if isinstance(value, bool):
            return self.language.translations.gettext("yes" if value else "no")
        if _real(value) is not None:
            return self.num(value)
        localizers: tuple[Callable[[object], str], ...] = (self.bytes, self.rate, self.money, self.duration)
        return next((text for localize in localizers if (text := localize(value)) != _text(value)), _text(value))

    def localtime(self, value: object, style: str = "short") -> str:
        """Write a time in the reader's zone, 24 hours: `15:40`, `20 Jan, 15:40`, or as the style says."""
        if type(value) is not str or len(value) > LONGEST:
            return self._localtime(value, style)
        key = value, style, self.zone, self.now.astimezone(self.zone).date()
        return self.language.patterns.remembered(key, lambda: self._localtime(value, style))

    def _localtime(self, value: object, style: str) -> str:
        time = moment(value)
        if time is None:
            return _text(value)
        # A date without a time is that day everywhere.
        local = time.replace(tzinfo=self.zone) if value == str(time.date()) else time.astimezone(self.zone)
        now = self.now.astimezone(self.zone)
        today, this_year, other = STYLES[style]
        pattern = today if local.date() == now.date() else this_year if local.year == now.year else other
        pattern = self.language.translations.pgettext("time", pattern)
        patterns = BRITISH if self.language.code == SOURCE else self.language.patterns
        return patterns.time(local, pattern)


def in_minutes(seconds: float) -> bool:
    """Return whether a duration is written in whole minutes."""
    whole = _whole(seconds)
    return whole >= ROUGHLY or (whole > 0 and whole % 60 == 0)


def whole_minutes(seconds: float) -> int:
    """Return the minutes of a duration, as it is written everywhere."""
    return _whole(seconds) // 60


def _whole(seconds: float) -> int:
    return max(0, int(seconds + 0.5))


@lru_cache(1024)
def _spelled_out(number: float) -> str:
    whole = _whole(number)
    if whole >= ROUGHLY:
        whole -= whole % 60
    parts: list[str] = []
    for unit, size in SECONDS.items():
        count, rest = divmod(whole, int(size))
        if count:
            parts.append(f"{count} {unit}")
            whole = rest
    return " ".join(parts[:2]) or "0 s"


def _real(value: object) -> float | None:
    """Return the number; None for anything else, and for one that is larger than any amount."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not -LARGEST < value < LARGEST:
        return None
    return value


def _text(value: object) -> str:
    return "" if value is None else str(value)
