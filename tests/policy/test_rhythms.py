"""When a job's next run should have begun: daily, on working days, weekly, hourly, over the change of the clocks."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.policy.rhythms import LEAST, expected

BERLIN = "Europe/Berlin"
MON_FRI = range(5)


def moment(text: str, zone: str = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()


def shown(seconds: float | None, zone: str = BERLIN) -> str:
    return datetime.fromtimestamp(seconds, ZoneInfo(zone)).strftime("%a %d.%m. %H:%M") if seconds is not None else ""


def days(
    first: str, count: int, weekdays: range | set[int] = range(7), *, every: int = 1, zone: str = BERLIN
) -> list[float]:
    """So many starts at this time of the day, on these weekdays."""

    def listed() -> Iterator[float]:
        day = datetime.fromisoformat(first)
        while True:
            if day.weekday() in weekdays:
                yield day.replace(tzinfo=ZoneInfo(zone)).timestamp()
            day += timedelta(days=every)

    return [*islice(listed(), count)]


def hours(first: str, count: int, opening: range = range(24), weekdays: range = range(7)) -> list[float]:
    """So many starts, one an hour, at these hours and on these weekdays."""

    def listed() -> Iterator[float]:
        hour = datetime.fromisoformat(first)
        while True:
            if hour.hour in opening and hour.weekday() in weekdays:
                yield hour.replace(tzinfo=ZoneInfo(BERLIN)).timestamp()
            hour += timedelta(hours=1)

    return [*islice(listed(), count)]


CASES = [
    # 2 March 2026 is a Monday; the clocks go forward on the 29th
    pytest.param(days("2026-03-02 06:00", 4), "", id="four starts are no rhythm"),
    pytest.param(days("2026-03-02 06:00", 14), "Mon 16.03. 06:00", id="daily"),
    pytest.param(days("2026-03-02 06:00", 5, MON_FRI), "Mon 09.03. 06:00", id="a first working week"),
    pytest.param(days("2026-03-02 06:00", 18, MON_FRI), "Thu 26.03. 06:00", id="on working days"),
    pytest.param(days("2026-03-02 06:00", 20, MON_FRI), "Mon 30.03. 07:00", id="over a weekend and the clocks"),
    pytest.param(days("2026-03-02 06:00", 30), "Wed 01.04. 06:00", id="by the clocks of the zone, after they went"),
    pytest.param(days("2026-03-02 05:00", 27, zone="UTC"), "Sun 29.03. 07:00", id="by UTC, over the clocks"),
    pytest.param(days("2026-10-05 06:00", 20), "Sun 25.10. 06:00", id="when the clocks go back"),
    pytest.param(days("2026-03-02 23:58", 14), "Mon 16.03. 23:58", id="before midnight"),
    pytest.param(days("2026-03-02 00:02", 14), "Mon 16.03. 00:02", id="after midnight"),
    pytest.param(days("2026-03-02 06:00", 6, {0}), "Mon 13.04. 06:00", id="weekly"),
    pytest.param(days("2026-03-02 06:00", 12, {0, 2, 4}), "Mon 30.03. 07:00", id="three days a week"),
    pytest.param(days("2026-04-01 06:00", 8, every=2), "Fri 17.04. 06:00", id="every other day"),
    pytest.param([moment(f"2026-{month:02}-01 06:00") for month in range(4, 10)], "Fri 02.10. 06:00", id="monthly"),
    pytest.param(hours("2026-03-02 00:00", 50), "Wed 04.03. 02:15", id="hourly, day and night"),
    pytest.param(hours("2026-03-02 08:00", 40, range(8, 19), MON_FRI), "Thu 05.03. 15:15", id="hourly, at daytime"),
    pytest.param(hours("2026-03-02 08:00", 44, range(8, 19), MON_FRI), "", id="hourly, on a first Thursday evening"),
    pytest.param(hours("2026-03-02 08:00", 66, range(8, 19), MON_FRI), "Thu 12.03. 08:15", id="hourly, in the evening"),
    pytest.param(hours("2026-03-02 08:00", 50, range(8, 19), MON_FRI), "Fri 06.03. 14:15", id="hourly, on a Friday"),
    pytest.param(hours("2026-03-02 08:00", 55, range(8, 19), MON_FRI), "Mon 09.03. 08:15", id="not at the weekend"),
]


@pytest.mark.parametrize(("starts", "said"), CASES)
def test_the_next_run_is_expected(starts: list[float], said: str) -> None:
    assert shown(expected(starts[-50:], BERLIN)) == said


@pytest.mark.parametrize("gap", [0.0, 10.0, 600.0])
def test_several_runs_of_one_occasion_are_no_rhythm(gap: float) -> None:
    assert expected([1_706_000_000.0 + number * gap for number in range(8)], "UTC") is None


def test_late_starts_are_waited_for() -> None:
    late = [
        start + minutes * 60 for start, minutes in zip(days("2026-04-01 06:00", 10), (0, 5, 40, 0, 10) * 2, strict=True)
    ]

    assert shown(expected(late, BERLIN)) == "Sat 11.04. 06:40"


def test_a_day_that_was_missed_changes_nothing() -> None:
    starts = days("2026-04-01 06:00", 28)
    del starts[7]

    assert shown(expected(starts, BERLIN)) == "Wed 29.04. 06:00"


def test_a_saturday_that_was_worked_makes_no_six_day_week() -> None:
    starts = sorted([*days("2026-04-01 06:00", 20, MON_FRI), moment("2026-04-18 06:00")])

    assert (
        shown(expected([start for start in starts if start < moment("2026-04-25 00:00")], BERLIN)) == "Mon 27.04. 06:00"
    )


def test_a_run_that_is_started_twice_a_day_now_and_then_is_daily() -> None:
    starts = sorted([*days("2026-04-01 06:00", 10), moment("2026-04-04 09:00"), moment("2026-04-10 08:00")])

    assert shown(expected(starts, BERLIN)) == "Sat 11.04. 06:00"


@pytest.mark.parametrize(
    "hours_of_the_day",
    [(6, 14, 21, 9, 17, 2, 12), (0, 12, 3, 15, 6, 18, 9)],
)
def test_where_the_time_of_the_day_is_any_there_is_no_rhythm(hours_of_the_day: tuple[int, ...]) -> None:
    starts = [start + hour * 3600 for start, hour in zip(days("2026-04-01 00:00", 7), hours_of_the_day, strict=True)]

    assert expected(starts, BERLIN) is None


def test_where_gaps_are_of_any_length_there_is_no_rhythm() -> None:
    assert expected([0.0, 600, 9000, 9100, 20_000, 21_000, 60_000, 60_100], BERLIN) is None


@given(
    st.lists(st.floats(0, 2e9, allow_nan=False), max_size=50).map(sorted),
    st.sampled_from([BERLIN, "UTC", "America/New_York", "Asia/Kathmandu"]),
)
def test_what_is_expected_comes_after_the_last(starts: list[float], zone: str) -> None:
    next_start = expected(starts, zone)

    assert next_start is None or (len(starts) >= LEAST and next_start > starts[-1] - 86_400)
