"""When a job's next run should have begun, by the starts of those before. Pure; times are seconds since the epoch.

A job that runs once a day or less often has a time of the day and days; any other has a gap. Where neither is steady
there is no rhythm, and nothing is expected. What is expected rather comes too late than too early: nobody shall hear of
a run that was never to begin.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from itertools import pairwise
from statistics import median
from zoneinfo import ZoneInfo

from relay.domain.outcomes import quantile
from relay.policy.schedules import at

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
LEAST = 5  # starts
RECENT = 30  # starts by which the days of a job are judged
MANY = 50  # starts: as many as relay remembers of a job
SHORTEST = 15 * MINUTE  # between two starts: what begins more often is several runs of one occasion, not a rhythm
STEADY = 0.7  # the part of the gaps that must be near the median
NEAR, CLOSE = 0.25, 5 * MINUTE  # of the median, and seconds: what is off by no more is near
SPREAD = 4 * HOUR  # between the early and the late starts of a daily job
REGULAR = 0.6  # the part of the Tuesdays on which it ran, for Tuesday to be one of its days
WORKING, WEEKEND = range(5), range(5, 7)


def expected(starts: Sequence[float], zone: str) -> float | None:
    """By when the next run should have begun; None without a rhythm. `starts` are in the order of time.

    A daily job may go by the clocks of its zone or by UTC: once the clocks were changed, the steadier of the two tells,
    before that the later one counts.
    """
    if len(starts) < LEAST:
        return None
    usual = median(after - before for before, after in pairwise(starts))
    if usual < SHORTEST:
        return None
    if usual < 20 * HOUR:
        return _after_a_gap(starts, usual, zone)
    by_clock = [_on_a_day(starts[-RECENT:], clock) for clock in dict.fromkeys((zone, "UTC"))]
    moments = [pair for pair in by_clock if pair]
    steadiest = min((spread for spread, _ in moments), default=0.0)
    return max((moment for spread, moment in moments if spread < steadiest + HOUR / 2), default=None)


def _after_a_gap(starts: Sequence[float], usual: float, zone: str) -> float | None:
    """As long after the last start as others came after starts at such a time: nights and weekends are gaps, too."""
    gaps = [after - before for before, after in pairwise(starts)]
    if not _steady(gaps, usual):
        return None
    here, last = ZoneInfo(zone), starts[-1]
    clocks = [datetime.fromtimestamp(start, here) for start in starts]
    alike = [
        (local.weekday() == clocks[-1].weekday(), gap)
        for local, gap in zip(clocks, gaps, strict=False)
        if _apart(local.time(), clocks[-1].time()) <= usual / 2
    ]
    same_day = [gap for same, gap in alike if same]
    gap = max(same_day or [gap for _, gap in alike] or gaps)
    worked = {local.weekday() for local in clocks}
    moment = _off_the_weekend(last + gap + NEAR * usual, worked, zone)
    if len(starts) < MANY and not (alike and datetime.fromtimestamp(moment, here).weekday() in worked):
        return None  # a young job: nobody knows yet when its day ends, or on which days it runs
    return moment


def _off_the_weekend(moment: float, worked: set[int], zone: str) -> float:
    """The same time on Monday, where it is a Saturday or Sunday and nothing ran on such a day."""
    local = datetime.fromtimestamp(moment, ZoneInfo(zone))
    day = local.date()
    while day.weekday() in WEEKEND and day.weekday() not in worked:
        day += timedelta(days=1)
    return moment if day == local.date() else at(day, local.time(), zone)


def _on_a_day(starts: Sequence[float], zone: str) -> tuple[float, float] | None:
    """Between the earliest and the latest start of a day, and the next one."""
    clocks = [datetime.fromtimestamp(start, ZoneInfo(zone)).replace(tzinfo=None) for start in starts]
    midnight = _quietest(sorted(_seconds(local.time()) for local in clocks))
    first: dict[date, float] = {}  # of each day, which for a job at midnight begins at noon
    for local in clocks:
        shifted = local - timedelta(seconds=midnight)
        first.setdefault(shifted.date(), midnight + _seconds(shifted.time()))
    times = sorted(first.values())
    if len(first) < LEAST or quantile(times, 0.9) - quantile(times, 0.1) > SPREAD:
        return None
    day = _next_day(sorted(first))
    if day is None:
        return None
    clock = datetime.combine(day, time()) + timedelta(seconds=quantile(times, 0.9))
    return times[-1] - times[0], at(clock.date(), clock.time(), zone)


def _next_day(days: Sequence[date]) -> date | None:
    """After the last of the days on which it ran."""
    steps = [float((after - before).days) for before, after in pairwise(days)]
    usual = median(steps)
    weekdays = _weekdays(days) if usual < 7 else set()
    if sum(day.weekday() in weekdays for day in days) >= 0.8 * len(days):
        return next(day for step in range(1, 8) if (day := days[-1] + timedelta(days=step)).weekday() in weekdays)
    near = [step for step in steps if abs(step - usual) <= NEAR * usual]
    return days[-1] + timedelta(days=max(near)) if len(near) >= STEADY * len(steps) else None


def _weekdays(days: Sequence[date]) -> set[int]:
    """Those on which it usually ran, from the first day to the last. One not among these is as its like are."""
    weeks, more = divmod((days[-1] - days[0]).days + 1, 7)
    there = [weeks + ((weekday - days[0].weekday()) % 7 < more) for weekday in range(7)]
    ran = Counter(day.weekday() for day in days)
    regular = {weekday for weekday in ran if ran[weekday] >= REGULAR * there[weekday]}
    for alike in (WORKING, WEEKEND):
        past = [weekday for weekday in alike if there[weekday]]
        if past and regular.issuperset(past):
            regular |= {*alike}
    return regular


def _steady(gaps: Sequence[float], usual: float) -> bool:
    near = sum(abs(gap - usual) <= max(NEAR * usual, CLOSE) for gap in gaps)
    return near >= STEADY * len(gaps)


def _quietest(times: Sequence[float]) -> float:
    """The middle of the longest part of the day in which nothing starts: where one day ends and the next begins.

    `times` are sorted. Before the times of most starts, so that these are of the day that the calendar says.
    """
    begin, end = max([*pairwise(times), (times[-1], times[0] + DAY)], key=lambda pair: pair[1] - pair[0])
    middle = ((begin + end) / 2) % DAY
    return middle - DAY if middle > median(times) else middle


def _seconds(clock: time) -> float:
    return clock.hour * HOUR + clock.minute * MINUTE + clock.second


def _apart(clock: time, other: time) -> float:
    """Seconds between two times of the day, the shorter way round."""
    apart = abs(_seconds(clock) - _seconds(other))
    return min(apart, DAY - apart)
