"""Each part of the benchmark, as small as it can be: it runs to its end, and nothing is lost meanwhile."""

import shutil
from pathlib import Path

import pytest

from benchmarks.speed import burst, full, idle, ingest, latency, readings, storm
from benchmarks.speed.findings import BASE, Bounds, Findings

pytestmark = [pytest.mark.soak, pytest.mark.timeout(300)]
NEEDS_WRK = pytest.mark.skipif(not shutil.which("wrk"), reason="there is no wrk")
NOTIFIERS = {"relay, Slack", "relay, mail"}


def check(found: Findings, *figures: str) -> None:
    assert found.faults == []
    assert all(samples for samples in found.rounds.values())
    for subject, samples in found.rounds.items():
        for figure in figures:
            assert samples[0][figure] > 0, (subject, figure)


@NEEDS_WRK
def test_ingest(tmp_path: Path) -> None:
    found = ingest.measure(Bounds(tmp_path, rounds=1, scale=0, only=("duplicates", "GitHub")))

    check(found, "rate", "p50", "app_us", "app_mb")
    assert all(samples[0]["redis_us"] > 0 for subject, samples in found.rounds.items() if subject != BASE)
    assert [*tmp_path.glob("*.bin")] == []


@NEEDS_WRK
def test_readings(tmp_path: Path) -> None:
    check(readings.measure(Bounds(tmp_path, rounds=1, scale=0)), "us")


def test_latency(tmp_path: Path) -> None:
    found = latency.measure(Bounds(tmp_path, rounds=1, scale=0, only=("relay",)))

    check(found, "p50", "p99", "answer_p50", "app_us")
    assert found.rounds.keys() == NOTIFIERS


def test_burst(tmp_path: Path) -> None:
    found = burst.measure(Bounds(tmp_path, rounds=1, scale=0, only=("relay",)))

    check(found, "rate", "taken", "app_mb", "redis_mb")
    assert found.rounds.keys() == NOTIFIERS


@NEEDS_WRK
def test_storm(tmp_path: Path) -> None:
    found = storm.measure(Bounds(tmp_path, rounds=1, scale=0))

    check(found, "events", "own", "own_slowest", "same", "same_slowest")


@NEEDS_WRK
def test_full(tmp_path: Path) -> None:
    found = full.measure(Bounds(tmp_path, rounds=1, scale=0))

    check(found, "ready", "told", "rate", "app_us", "app_mb")


def test_idle(tmp_path: Path) -> None:
    found = idle.measure(Bounds(tmp_path, rounds=1, scale=0, only=("relay",)))

    check(found, "ready", "app_mb", "processes")
