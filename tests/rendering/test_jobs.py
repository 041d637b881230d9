"""`job`: whether a run is as usual, from the ends of its job's other runs."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from relay.domain.events import Event, Outcome
from relay.domain.identity import error_of, signature
from relay.rendering.checks import values_of
from relay.rendering.jobs import EMPTY, trace_of
from relay.rendering.renderer import Renderer
from relay.rendering.translations import Catalogues
from relay.resources import resource_dir
from tests.support import samples
from tests.support.events import event_of
from tests.support.renderers import render

MINUTE, DAY = 60.0, 86_400.0
START, END = "2024-01-20T10:00:00Z", datetime(2024, 1, 20, 11, 40, tzinfo=UTC).timestamp()
CATALOGUES = Catalogues((resource_dir("templates"),))
PHASES = ("Load", "Discover", "Report")


def run(
    name: str = "operation.completed", status: str = "Completed", minutes: tuple[float, ...] = (), **operation: Any
) -> Event:
    """A run that began at ten and whose phases took so many minutes; what tells of it is dated 11:40."""
    begun = datetime.fromisoformat(START).timestamp()
    phases, at = [], begun
    for phase, lasted in zip(PHASES, minutes, strict=False):
        times = {"startTime": _iso(at), "endTime": _iso(at := at + lasted * MINUTE)}
        phases.append({"phaseName": phase, "status": "Completed", **times})
    stated = {"operationType": "Mining", "operationName": "O2C", "status": status, "progress": {"startTime": START},
              "endTime": None, "estimatedCompletion": None, "phases": phases}  # fmt: skip
    error = {"error": {"code": "SAP", "message": "No answer for 300 s"}} if status in ("Failed", "Timeout") else {}
    body = {
        "event": name,
        "timestamp": "2024-01-20T11:40:00Z",
        "operation": {"operationId": "op-1"} | stated | operation,
    }
    return event_of(body | error)


def ends(statuses: str, *minutes: float, phases: tuple[float, ...] = ()) -> tuple[Outcome, ...]:
    """One a day up to yesterday: C completed, F failed, x cancelled; each lasted so many minutes, over and over."""
    names = {"C": "Completed", "F": "Failed", "x": "Cancelled"}
    error = signature(error_of(run("operation.failed", "Failed")))
    lasted = minutes or (100.0,)
    parts = tuple((phase, span * MINUTE) for phase, span in zip(PHASES, phases, strict=False))
    return tuple(
        Outcome(f"{n}", names[letter], END - (len(statuses) - n) * DAY, duration=lasted[n % len(lasted)] * MINUTE,
            phases=parts, error=error if letter == "F" else "")
        for n, letter in enumerate(statuses)
    )  # fmt: skip


def job(event: Event, past: tuple[Outcome, ...] = ()) -> dict[str, Any]:
    event = replace(event, past=past)
    values: dict[str, Any] = values_of(event, (event,), CATALOGUES)["job"]
    assert values.keys() == EMPTY.keys()
    return values


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


def days_ago(days: int) -> str:
    return _iso(END - days * DAY)


def test_a_job_of_which_nothing_is_known() -> None:
    assert job(run()) == EMPTY
    assert job(event_of({"event": "batch.completed", "batch": {"batchId": "b"}})) == EMPTY


@pytest.mark.parametrize(
    ("usual_minutes", "verdict", "ratio"), [(100, "usual", 1.0), (40, "slow", 2.5), (200, "quick", 0.5)]
)
def test_a_completed_run_is_as_usual_slow_or_quick(usual_minutes: float, verdict: str, ratio: float) -> None:
    said = job(run(), ends("CCCCC", usual_minutes))

    assert (said["verdict"], said["ratio"], said["successes"]) == (verdict, ratio, 5)
    assert said["usual"] == dict.fromkeys(("low", "median", "high"), usual_minutes * MINUTE)


@pytest.mark.parametrize(
    ("before", "streak", "since", "successes"),
    [
        ("", 1, 0, 0),
        ("FCCC", 1, 0, 3),
        ("CCF", 2, 1, 0),
        ("CFxF", 3, 3, 0),
    ],
)
def test_a_failure_says_how_many_there_were(before: str, streak: int, since: int, successes: int) -> None:
    said = job(run("operation.failed", "Failed"), ends(before))

    assert (said["streak"], said["streak_since"], said["runs_since_failure"]) == (streak, days_ago(since), successes)
    assert said["same_error"] == before.count("F")
    assert said["recovered_after"] == 0
    assert said["last_success"] == (days_ago(len(before) - before.rindex("C")) if "C" in before else "")


@pytest.mark.parametrize(
    ("usual_minutes", "estimate", "late", "expected"),
    [
        (120, "", 0, "2024-01-20T12:00:00+00:00"),
        (120, "2024-01-20T11:50:00Z", 0, ""),
        (300, "2024-01-20T11:50:00Z", None, ""),  # much earlier is not as usual
        (120, "2024-01-20T12:30:00Z", 30 * MINUTE, ""),
        (120, "2024-01-20T12:05:00Z", 0, ""),  # within what is as usual
        (60, "", 40 * MINUTE, ""),  # it should be over
        (60, "2024-01-20T10:30:00Z", 40 * MINUTE, ""),  # so says the platform, too
    ],
)
def test_a_running_run_is_as_usual_or_later(
    usual_minutes: float, estimate: str, late: float | None, expected: str
) -> None:
    event = run("operation.progress", "Running", estimatedCompletion=estimate or None)

    said = job(event, ends("CCCCC", usual_minutes))

    assert (said["late_by"], said["expected_end"], said["verdict"]) == (late, expected, "")


def test_a_duration_in_another_unit_than_seconds_is_no_end_of_a_phase() -> None:
    event = run("operation.failed", "Failed", duration=300 * 10**9)

    assert job(event, ends("CCCCC"))["streak"] == 1


def test_the_phase_that_took_longest_explains_a_slow_run() -> None:
    said = job(run(minutes=(12, 61, 27)), ends("CCCCC", 66, phases=(12, 27, 27)))

    assert [(row["duration"], row["usual"], row["slow"]) for row in said["phases"]] == [
        (720.0, 720.0, False), (3660.0, 1620.0, True), (1620.0, 1620.0, False)
    ]  # fmt: skip
    assert said["verdict"] == "slow"
    assert said["slowest"] == {"name": "Discover", "duration": 3660.0, "usual": 1620.0}


def test_a_success_ends_the_failures_before_it() -> None:
    said = job(run(), ends("CFF"))

    assert (said["streak"], said["streak_since"], said["recovered_after"]) == (0, "", 2)


def test_where_all_phases_took_longer_none_explains_it() -> None:
    assert job(run(minutes=(40, 30, 30)), ends("CCCCC", 60, phases=(24, 18, 18)))["slowest"] is None
    assert job(run(minutes=(40, 30, 30)), ends("CCCCC", 60))["slowest"] is None


def test_a_run_that_is_over_much_too_soon_says_so_in_each_language() -> None:
    renderer = Renderer([resource_dir("templates")])
    event = replace(run(), past=ends("C" * 10, 300, 310))

    texts = [
        json.dumps(
            renderer.render(channel, kind, event, (event,), language=language, timezone="UTC", now=event.occurred_at),
            ensure_ascii=False,
        )
        for channel, kind in (("slack", "reply"), ("slack", "each"), ("email", "each"))
        for language in ("en", "de")
    ]  # fmt: skip

    english = "Done in 1 h 40 min, usually 5 h to 5 h 10 min: please check that all its data was there."
    german = "Schon nach 1 h 40 min fertig, üblich sind 5 h bis 5 h 10 min: bitte prüfen, ob alle Daten da waren."
    for text, words in zip(texts, (english, german) * 3, strict=True):
        assert words in text.replace("\N{NO-BREAK SPACE}", " ")


def test_a_phase_without_an_end_is_over_with_its_run() -> None:
    phases = [{"phaseName": "Load", "status": "Running", "startTime": START}]
    stated = {"phases": phases, "endTime": "2024-01-20T10:34:00Z"}

    said = job(run("operation.failed", "Failed", **stated))

    assert said["phases"][0]["duration"] == 34 * MINUTE


TRACE = "Traceback (most recent call last):\n  File 'load.py', line 3, in run\nValueError: no rows"


def failed_with(**error: str) -> Event:
    document = samples.bodies()["operation.failed"]
    return samples.event_of({**document, "error": error, "operation": {**document["operation"], "error": None}})


@pytest.mark.parametrize(("channel", "kind"), [("slack", "each"), ("slack", "reply"), ("email", "each")])
def test_a_message_of_several_lines_stands_whole_above_its_trace(renderer: Renderer, channel: str, kind: str) -> None:
    event = failed_with(message="Loading orders failed.\nPartition 14 has no header.\nAsk its owner.", stackTrace=TRACE)
    told = json.dumps(render(renderer, event, channel, kind))

    places = [told.index(text) for text in ("Partition 14 has no header.", "Ask its owner.", "ValueError: no rows")]
    assert places == sorted(places)


def test_a_live_message_shows_the_excerpt_where_nothing_stands_below_it(renderer: Renderer) -> None:
    event = failed_with(message="Orders cannot be loaded", stackTrace=TRACE)

    assert "ValueError: no rows" in json.dumps(render(renderer, event, kind="live", alone=True))
    assert "ValueError: no rows" not in json.dumps(render(renderer, event, kind="live"))


def test_a_long_message_is_bounded_at_both_ends(renderer: Renderer) -> None:
    trace = trace_of({"message": "first\n" + "row\n" * 500_000 + "last", "stackTrace": TRACE})

    assert len(trace) < 40_000
    assert trace.startswith("first\n")
    assert "\nlast\n\nTraceback" in trace
