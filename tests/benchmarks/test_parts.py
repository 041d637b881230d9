"""Each part of the benchmark, as small as it can be: it runs to its end, and nothing is lost meanwhile."""

import shutil
from pathlib import Path

import pytest

from benchmarks.speed import ingest
from benchmarks.speed.findings import BASE, Bounds, Findings

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not shutil.which("wrk"), reason="there is no wrk"),
]


def check(found: Findings, *figures: str) -> None:
    assert found.faults == []
    assert all(samples for samples in found.rounds.values())
    for subject, samples in found.rounds.items():
        for figure in figures:
            assert samples[0][figure] > 0, (subject, figure)


def test_ingest(tmp_path: Path) -> None:
    found = ingest.measure(Bounds(tmp_path, rounds=1, scale=0, only=("mixed",)))

    check(found, "rate", "p50", "app_us", "app_mb")
    assert all(samples[0]["redis_us"] > 0 for subject, samples in found.rounds.items() if subject != BASE)
    assert [*tmp_path.glob("*.bin")] == []
