"""Pings: the run of each, and the document that it makes."""

from typing import Any

import pytest

from relay.domain.parsing import parse
from relay.formats.ping import LastRun, Ping, document, last_lines, run_of
from tests.support.events import RECEIVED

NOW = RECEIVED.timestamp()


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [
        ("start", "Initiated", ""), ("log", "Running", ""), ("fail", "Failed", ""), ("ok", "Completed", ""),
        ("", "Completed", ""), ("0", "Completed", ""), ("00", "Completed", ""), ("3", "Failed", "exit 3"),
        ("255", "Failed", "exit 255"),
    ],
)  # fmt: skip
def test_a_ping_says(state: str, status: str, code: str) -> None:
    assert Ping.of("backup", state, None) == Ping("backup", status, code)


@pytest.mark.parametrize(
    ("job", "state", "rid"),
    [
        ("backup", "256", None), ("backup", "-1", None), ("backup", "done", None), ("backup", "１", None),
        ("", "ok", None), ("a\nb", "ok", None), ("a\u202eb", "ok", None), ("a\x85", "ok", None), (" ", "ok", None),
        ("x" * 101, "ok", None), ("backup", "ok", "a b"), ("backup", "ok", "x" * 101), ("backup", "ok", ""),
    ],
)  # fmt: skip
def test_other_pings_are_none(job: str, state: str, rid: str | None) -> None:
    with pytest.raises(ValueError, match="expected"):
        Ping.of(job, state, rid)


def runs(*pings: tuple[float, str]) -> list[float]:
    """The beginning of the run of each ping, in seconds from the first; its state and when it comes are given."""
    last: LastRun | None = None
    begun = []
    for at, state in pings:
        last = run_of(Ping.of("backup", state, None), last, NOW + at)
        begun.append(last.began - NOW)
    return begun


@pytest.mark.parametrize(
    ("pings", "expected"),
    [
        ([(0, "start"), (600, "log"), (900, "0")], [0, 0, 0]),
        ([(0, "start"), (9, "start"), (900, "0"), (920, "0")], [0, 0, 0, 0]),  # curl repeats them
        ([(0, "start"), (900, "0"), (905, "1")], [0, 0, 905]),  # no repetition: it says something else
        ([(0, "start"), (86_400, "start"), (86_500, "1")], [0, 86_400, 86_400]),  # the first never said how it ended
        ([(0, "ok"), (20, "ok"), (86_400, "ok")], [0, 0, 86_400]),  # never starts
        ([(0, "log"), (5, "log"), (10, "fail"), (86_400, "log")], [0, 0, 0, 86_400]),
        ([(0, "start"), (1, "0"), (2, "start"), (3, "0")], [0, 0, 2, 2]),  # of one second each
        ([(minute * 59.0, "ok") for minute in range(4)], [0, 59, 118, 177]),  # every minute, and a little early
        ([(30.0 * number, "ok") for number in range(4)], [0, 0, 60, 60]),  # the time of a repetition does not count
        ([(0, "start"), (900, "0"), (901, "log"), (1800, "start")], [0, 0, 0, 1800]),  # the log was overtaken
        ([(0, "start"), (1, "log"), (2, "start"), (900, "0")], [0, 0, 0, 0]),
        ([(0, "ok"), (-3600, "ok"), (-3590, "ok")], [0, -3600, -3600]),  # the clock was set back
    ],
)
def test_the_run_of_a_ping(pings: list[tuple[float, str]], expected: list[float]) -> None:
    assert runs(*pings) == expected


def event(state: str, body: bytes = b"", rid: str | None = None) -> Any:
    made = document(Ping.of("backup", state, rid), None if rid else NOW - 60, body, NOW)
    return parse(made, source="cron", received_at=RECEIVED)


def test_a_ping_is_an_event_of_the_run() -> None:
    started, logged, failed = event("start"), event("log", b"half\nthree quarters\n"), event("3", b"a\n\ndisk full\n")

    assert {one.own_id for one in (started, logged, failed)} == {started.own_id}
    assert (started.name, logged.name, failed.name) == ("operation.started", "operation.progress", "operation.failed")
    assert logged.phase_name == "three quarters"
    assert failed.error == {"code": "exit 3", "message": "a\ndisk full"}
    assert event("fail", rid="7").own_id == "backup/7"
    assert event("ok", b"written 7 files").error == {}


@pytest.mark.parametrize(
    "body", [b"", b"\n \n", b"\xff\x00\x1b[31m", b"x" * 100_000, b"\n" * 100_000, "ä\u202e".encode()]
)
def test_any_output_gives_a_few_lines(body: bytes) -> None:
    lines = last_lines(body)

    assert len(lines) <= 800
    assert "\x1b" not in lines
    assert "\u202e" not in lines


def test_a_ping_without_a_start_has_no_duration() -> None:
    def started(state: str, began: float) -> bool:
        return "startTime" in document(Ping.of("backup", state, None), began, b"", NOW)["operation"]

    assert [started("ok", NOW), started("3", NOW), started("start", NOW), started("ok", NOW - 60)] == [
        False, False, True, True,
    ]  # fmt: skip
