"""Wall-clock times in any time zone: the windows of digests, and quiet hours. Pure.

A local time that a zone skips (summer time begins) is the next one that there is; one that it repeats (summer time
ends) is the first of the two. So windows always meet: each moment is in one of them.
"""

from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field

from relay.configfile.words import suggest
from relay.domain.deliveries import Window

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EVERY_DAY = frozenset(range(7))
_AROUND = 9  # days looked at on either side: a week, and what a zone may skip


def at(day: date, clock: time, zone: str) -> float:
    """Return when the clocks of a zone show this time on this day, in seconds since the epoch."""
    here = ZoneInfo(zone)
    local = datetime.combine(day, clock, here)
    first, second = local.timestamp(), local.replace(fold=1).timestamp()
    if second >= first:  # an ordinary time, or one that comes twice
        return first
    # Skipped: the change is between the two readings, and what comes right after it is the next valid minute.
    low, high = int(second) - 1, int(first)
    after = datetime.fromtimestamp(high, here).utcoffset()
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if datetime.fromtimestamp(middle, here).utcoffset() == after else (middle, high)
    return float(high)


def windows(now: float, clock: time, days: frozenset[int], zone: str) -> tuple[Window, Window]:
    """Return the window [start, end) that a moment is in, and the next; each ends at this time on one of the days."""
    ends = _moments(_day(now, zone), clock, days, zone)
    following = bisect_right(ends, now)
    start, end, next_end = ends[following - 1 : following + 2]
    return Window(start, end), Window(end, next_end)


def quiet(now: float, start: time, end: time, days: frozenset[int], zone: str) -> Window | None:
    """Return the quiet hours that this moment is in, with those that follow without a break; `days`: of their start."""
    window: Window | None = None
    for begin, stop in _quiet_hours(_day(now, zone), start, end, days, zone):
        if window is None:
            window = Window(begin, stop) if begin <= now < stop else None
        elif begin <= window.end:
            window = Window(window.start, max(window.end, stop))
    return window


def days_of(raw: object) -> frozenset[int]:
    """Read `daily`, `mon-fri`, `mon, thu` or a list of these. Raises ValueError."""
    if isinstance(raw, frozenset):
        return raw
    texts = raw if isinstance(raw, list | tuple) else [raw]
    parts = [part.strip().lower() for text in texts for part in (text.split(",") if isinstance(text, str) else [""])]
    days: set[int] = set()
    for part in parts:
        first, dash, last = (half.strip() for half in part.partition("-"))
        if part == "daily":
            days |= EVERY_DAY
        elif first in DAYS and (last in DAYS or not dash):
            begin = DAYS.index(first)
            days |= {(begin + step) % 7 for step in range((DAYS.index(last or first) - begin) % 7 + 1)}
        else:
            raise ValueError("expected daily, or days such as mon, mon-fri or [mon, thu]")
    return frozenset(days)


def clock_of(raw: object) -> time:
    """Read a time such as `08:30`. Raises ValueError."""
    if isinstance(raw, time):
        return raw
    if isinstance(raw, int) and not isinstance(raw, bool) and 0 <= raw < 24 * 60:
        return time(*divmod(raw, 60))  # 20:30 without quotes is a number in YAML, of base 60
    hours, colon, minutes = raw.strip().partition(":") if isinstance(raw, str) else ("", "", "")
    digits = hours.isascii() and hours.isdigit() and minutes.isascii() and minutes.isdigit()
    if not (colon and digits and len(hours) <= 2 and len(minutes) == 2 and int(hours) < 24 and int(minutes) < 60):
        raise ValueError('expected a time of day such as "08:30"')
    return time(int(hours), int(minutes))


def spoken(days: Iterable[int]) -> str:
    """Write days as in the configuration: `daily`, `mon-fri`, `mon, thu`."""
    listed = sorted(days)
    if len(listed) == 7:
        return "daily"
    if len(listed) > 2 and all(after - before == 1 for before, after in pairwise(listed)):
        return f"{DAYS[listed[0]]}-{DAYS[listed[-1]]}"
    return ", ".join(DAYS[day] for day in listed)


def _day(now: float, zone: str) -> int:
    return datetime.fromtimestamp(now, UTC).astimezone(ZoneInfo(zone)).toordinal()


@lru_cache(maxsize=512)
def _moments(day: int, clock: time, days: frozenset[int], zone: str) -> tuple[float, ...]:
    """Return the ends of the windows around this day, in order."""
    around = (date.fromordinal(day + step) for step in range(-_AROUND, 2 * _AROUND))
    return tuple(sorted({at(last, clock, zone) for last in around if last.weekday() in days}))


@lru_cache(maxsize=512)
def _quiet_hours(day: int, start: time, end: time, days: frozenset[int], zone: str) -> tuple[tuple[float, float], ...]:
    overnight = timedelta(days=1 if end <= start else 0)
    around = (date.fromordinal(day + step) for step in range(-2, _AROUND))
    return tuple(
        (at(first, start, zone), at(first + overnight, end, zone)) for first in around if first.weekday() in days
    )


def known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        example = "expected for instance Europe/Berlin or UTC"
        raise ValueError(f"unknown time zone; {suggest(name, available_timezones(), example)}") from None
    return name


Timezone = Annotated[str, AfterValidator(known_zone)]
Days = Annotated[frozenset[int], BeforeValidator(days_of, json_schema_input_type=str | list[str]), Field(max_length=7)]
ClockText = Annotated[str, Field(pattern=r"^\s*\d{1,2}:\d{2}\s*$", examples=["08:30"])]
Clock = Annotated[time, BeforeValidator(clock_of, json_schema_input_type=ClockText)]
