"""What the log says of a Redis that is away (the change, one line a minute, the return), and of a held event loop."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from relay.outage import CALM, EVERY, EXCUSED, Outage, note, watching
from tests.support.clock import Clock
from tests.support.waiting import until


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


@pytest.mark.parametrize(("cpu", "by"), [(7.5, {"source": "ops", "event_id": "evt-1"}), (0.5, {})])
async def test_a_held_loop_is_reported_with_whose_event_and_excuses_redis(
    clock: Clock, cpu: float, by: dict[str, str]
) -> None:
    computed = Clock()
    with capture_logs() as lines, watching(Outage(clock), clock, computed) as outage:
        clock.advance(8)
        computed.advance(cpu)
        note(-1000.0, source="ops", event_id="evt-1")
        await until(lambda: lines)
        outage.failed("Timeout reading from the server")

    [line] = lines
    assert (line["event"], line["seconds"], line["cpu"]) == ("loop.blocked", 7.9, cpu)
    assert {name: line[name] for name in ("source", "event_id") if name in line} == by


def test_an_outage_goes_on_after_the_excuse(clock: Clock) -> None:
    outage = Outage(clock)
    outage.excuse()
    with capture_logs() as lines:
        outage.failed("Timeout")
        clock.advance(EXCUSED)
        outage.failed("Connection refused")

    assert [line["reason"] for line in lines] == ["Connection refused"]
