"""Figures of the benchmark: pure."""

import json
from pathlib import Path

import pytest

from benchmarks.speed.findings import BASE, Chart, Column, Findings, middle, quantile, ratio
from benchmarks.speed.report import bars, write

ROUNDS = {
    BASE: [{"rate": 100.0}, {"rate": 300.0}],
    "relay": [{"rate": 50.0, "cpu": 3.0}, {"rate": 240.0}],
    "other": [{"cpu": 1.0}],
}


def test_a_figure_is_the_median_of_its_rounds_and_a_ratio_is_of_the_same_round() -> None:
    assert (middle(ROUNDS["relay"], "rate"), middle(ROUNDS["other"], "rate")) == (145, None)
    assert ratio(ROUNDS, "relay", BASE, "rate") == pytest.approx((0.5 + 0.8) / 2)
    assert [quantile(range(100, 0, -1), share) for share in (0, 0.5, 0.99, 1)] == [1, 51, 100, 100]
    assert quantile([], 0.5) == 0


def test_the_page_has_each_figure_and_what_went_wrong(tmp_path: Path) -> None:
    columns = (Column("req/s", "rate"), Column("× bare", "rate", ".2f", BASE), Column("CPU", "cpu", ".1f"))
    part = Findings("part", "A part", "How.", columns, (Chart("rate", "Taken & kept"),), {**ROUNDS})
    part.faults.append("relay, round 1: 3 received, 4 answered 2xx")

    page = write(tmp_path, {"machine": "2 cores"}, [part]).read_text("utf-8")

    for line in ("| relay | 145 | 0.65 | 3.0 |", "| other | – | – | 1.0 |", "**Faults:**", f"- {part.faults[0]}"):
        assert line in page
    assert json.loads((tmp_path / "results.json").read_text("utf-8"))["parts"][0]["rounds"]["relay"][0]["cpu"] == 3
    assert "<rect" in bars("Nothing but one", [("bare", 200.0), ("off", 0.0)])
