"""Tests of what the log says of a Redis that is away: the change, one line a minute, the return."""

from typing import Any

from structlog.testing import capture_logs

from relay.outage import CALM, EVERY, Outage
from tests.support.clock import Clock


def told(lines: list[Any]) -> list[tuple[str, str]]:
    return [(line["event"], line["log_level"]) for line in lines]


def test_an_outage_of_three_minutes_is_told_in_five_lines_however_often_it_is_met(clock: Clock) -> None:
    outage = Outage(clock)

    with capture_logs() as lines:
        for _ in range(4 * 185):  # four times a second, a little longer than three minutes
            outage.failed("Redis: Connection refused.")
            clock.advance(0.25)
        clock.advance(CALM)
        outage.worked()

    minutes = [("redis.still_unavailable", "error")] * 3
    assert told(lines) == [("redis.unavailable", "warning"), *minutes, ("redis.returned", "warning")]
    assert [line["seconds"] for line in lines[1:4]] == [60, 120, 180]
    assert all("503" in line["meaning"] and "try again" in line["meaning"] for line in lines[:4])
    assert (lines[-1]["seconds"], lines[-1]["failures"]) == (184.8, 740)


def test_a_redis_that_comes_and_goes_is_one_outage(clock: Clock) -> None:
    outage = Outage(clock)

    with capture_logs() as lines:
        for _ in range(5):
            outage.failed("Redis: Connection refused.")
            clock.advance(CALM - 1)
            outage.worked()
        clock.advance(CALM)
        outage.worked()
        outage.worked()

    assert told(lines) == [("redis.unavailable", "warning"), ("redis.returned", "warning")]


def test_the_next_outage_begins_anew(clock: Clock) -> None:
    outage = Outage(clock)
    with capture_logs() as lines:
        for _ in range(2):
            outage.failed("Redis: Connection refused.")
            clock.advance(EVERY / 2)
            outage.worked()

    assert told(lines) == [("redis.unavailable", "warning"), ("redis.returned", "warning")] * 2
    assert [line["failures"] for line in lines[1::2]] == [1, 1]
