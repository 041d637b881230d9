"""Windows and quiet hours by the wall clocks of every zone."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relay.domain.deliveries import Window
from relay.policy.schedules import (
    EVERY_DAY,
    at,
    clock_of,
    days_of,
    quiet,
    windows,
)

BERLIN = "Europe/Berlin"
WEEKDAYS = days_of("mon-fri")
MONDAY = days_of("mon")
ZONES = sorted(available_timezones())


def window(now: float, clock: time, days: frozenset[int], zone: str) -> Window:
    return windows(now, clock, days, zone)[0]


def utc(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def local(moment: float, zone: str) -> str:
    return f"{datetime.fromtimestamp(moment, ZoneInfo(zone)):%a %Y-%m-%d %H:%M}"


class TestMoments:
    def test_a_time_that_summer_time_skips_is_the_next_valid_minute(self) -> None:
        moment = at(date(2026, 3, 29), time(2, 30), BERLIN)

        assert local(moment, BERLIN) == "Sun 2026-03-29 03:00"

    def test_a_time_that_comes_twice_is_the_first(self) -> None:
        assert at(date(2026, 10, 25), time(2, 30), BERLIN) == utc("2026-10-25T00:30")


class TestWindows:
    def test_the_day_is_the_readers_and_not_utcs(self) -> None:
        sunday_there_monday_in_utc = utc("2026-03-09T05:00")

        found = window(sunday_there_monday_in_utc, time(8, 30), MONDAY, "Pacific/Honolulu")

        assert local(found.end, "Pacific/Honolulu") == "Mon 2026-03-09 08:30"
        assert found.end > sunday_there_monday_in_utc

    @pytest.mark.parametrize("month", [3, 10])
    def test_a_day_of_23_or_25_hours_is_one_window(self, month: int) -> None:
        day = date(2026, month, 29 if month == 3 else 25)

        found = window(at(day, time(12), BERLIN), time(2, 30), EVERY_DAY, BERLIN)

        assert found == Window(at(day, time(2, 30), BERLIN), at(day + timedelta(days=1), time(2, 30), BERLIN))

    @given(
        zone=st.sampled_from(ZONES),
        now=st.floats(utc("1975-01-01T00:00"), utc("2037-12-01T00:00")),
        clock=st.times().map(lambda value: value.replace(second=0, microsecond=0)),
        days=st.frozensets(st.integers(0, 6), min_size=1),
    )
    @settings(max_examples=300, deadline=None)
    @pytest.mark.slow
    def test_windows_tile_time(self, zone: str, now: float, clock: time, days: frozenset[int]) -> None:
        this, following = windows(now, clock, days, zone)

        assert this.start <= now < this.end == following.start < following.end
        for moment in (this.start, (this.start + this.end) / 2, this.end - 1):
            assert window(moment, clock, days, zone) == this
        assert window(this.end, clock, days, zone) == following


class TestQuietHours:
    NIGHT = time(20), time(7), EVERY_DAY

    @pytest.mark.parametrize(
        ("moment", "expected"),
        [("19:59", None), ("20:00", "07:00"), ("23:59", "07:00"), ("06:59", "07:00"), ("07:00", None)],
    )
    def test_a_night_is_quiet_until_its_morning(self, moment: str, expected: str | None) -> None:
        found = quiet(utc(f"2026-03-09T{moment}"), *self.NIGHT, "UTC")

        assert (found and local(found.end, "UTC")[-5:]) == expected

    def test_nights_of_weekdays_leave_the_weekend_alone(self) -> None:
        hours = time(20), time(7), WEEKDAYS

        assert quiet(utc("2026-03-07T02:00"), *hours, "UTC")  # Friday's night
        assert quiet(utc("2026-03-07T22:00"), *hours, "UTC") is None

    @pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 10), ("2026-10-24", 12)])
    def test_a_night_in_which_the_clocks_change_ends_by_the_wall_clock(self, day: str, hours: int) -> None:
        found = quiet(utc(f"{day}T23:30"), *self.NIGHT, BERLIN)

        assert found
        assert local(found.end, BERLIN)[-5:] == "07:00"
        assert found.end - found.start == hours * 3600


class TestSpellings:
    @pytest.mark.parametrize(
        ("written", "expected"),
        [("daily", range(7)), ("mon-fri", range(5)), ("mon", [0]), (["Mon", "thu"], [0, 3]), ("sat, sun", [5, 6]),
         ("fri-mon", [4, 5, 6, 0])],
    )  # fmt: skip
    def test_days(self, written: object, expected: list[int]) -> None:
        assert days_of(written) == frozenset(expected)

    @pytest.mark.parametrize("written", ["", "monday", "mon-", 3, None, ["mon", 3]])
    def test_what_are_no_days_is_refused(self, written: object) -> None:
        with pytest.raises(ValueError, match="expected daily"):
            days_of(written)

    @pytest.mark.parametrize(
        ("written", "expected"), [("08:30", time(8, 30)), ("7:05", time(7, 5)), (1230, time(20, 30))]
    )
    def test_a_time_of_day_also_as_yaml_reads_it_without_quotes(self, written: object, expected: time) -> None:
        assert clock_of(written) == expected

    @pytest.mark.parametrize("written", ["8", "24:00", "8:3", "x:30", 1440, True, None])
    def test_what_is_no_time_of_day_is_refused(self, written: object) -> None:
        with pytest.raises(ValueError, match="expected a time of day"):
            clock_of(written)
