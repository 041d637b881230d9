"""What the benchmark makes of its figures: pure."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.speed.charts import bars
from benchmarks.speed.findings import BASE, Bounds, Chart, Column, Findings, interleaved
from benchmarks.speed.report import write
from benchmarks.speed.statistics import Sample, middle, quantile, ratio, spread

ROUNDS = {
    BASE: [{"rate": 100.0}, {"rate": 300.0}],
    "relay": [{"rate": 50.0, "cpu": 3.0}, {"rate": 240.0}],
    "other": [{"cpu": 1.0}],
}


def findings() -> Findings:
    columns = (Column("req/s", "rate"), Column("× bare", "rate", ".2f", BASE), Column("CPU", "cpu", ".1f"))
    return Findings("part", "A part", "How it is done.", columns, (Chart("rate", "Taken & kept"),), {**ROUNDS})


def test_a_figure_is_the_median_of_the_rounds_that_have_it() -> None:
    assert middle(ROUNDS["relay"], "rate") == 145
    assert middle(ROUNDS["relay"], "cpu") == 3
    assert middle(ROUNDS["other"], "rate") is None


def test_a_ratio_is_of_the_same_round() -> None:
    assert ratio(ROUNDS, "relay", BASE, "rate") == pytest.approx((0.5 + 0.8) / 2)
    assert ratio(ROUNDS, "other", BASE, "rate") is None
    assert ratio(ROUNDS, "relay", "nobody", "rate") is None


@pytest.mark.parametrize(("share", "expected"), [(0, 1), (0.5, 51), (0.99, 100), (1, 100)])
def test_a_quantile_is_one_of_the_values(share: float, expected: float) -> None:
    assert quantile(range(100, 0, -1), share) == expected


def test_nothing_has_a_quantile_and_a_spread_of_nothing() -> None:
    assert quantile([], 0.5) == 0
    assert spread([], "rate") == 0
    assert spread(ROUNDS[BASE], "rate") == 1


def test_the_page_has_each_figure_and_what_went_wrong(tmp_path: Path) -> None:
    part = findings()
    part.faults.append("relay, round 1: 3 received, 4 answered 2xx")

    page = write(tmp_path, {"machine": "2 cores"}, [part]).read_text("utf-8")

    assert "- machine: 2 cores" in page
    assert "|  | req/s | × bare | CPU |" in page
    assert "| relay | 145 | 0.65 | 3.0 |" in page
    assert "| other | – | – | 1.0 |" in page
    assert "**Faults:**" in page
    assert "- relay, round 1: 3 received, 4 answered 2xx" in page
    assert "![Taken & kept](part-rate.svg)" in page
    assert json.loads((tmp_path / "results.json").read_text("utf-8"))["parts"][0]["rounds"]["relay"][0]["cpu"] == 3


def test_a_page_without_faults_says_so(tmp_path: Path) -> None:
    page = write(tmp_path, {}, [findings()]).read_text("utf-8")

    assert "Nothing was lost, doubled or refused." in page
    assert "Faults" not in page


def test_the_longest_bar_is_the_whole_width() -> None:
    chart = ElementTree.fromstring(bars("Taken & kept", [("bare", 200.0), ("relay", 50.0), ("off", 0.0)]))  # noqa: S314 - ours

    widths = {bar.get("class"): float(bar.get("width", 0)) for bar in chart.iter("{http://www.w3.org/2000/svg}rect")}
    texts = [text.text for text in chart.iter("{http://www.w3.org/2000/svg}text")]
    assert widths["relay"] == 105
    assert texts == ["Taken & kept", "bare", "200", "relay", "50", "off", "0"]


def test_a_chart_leaves_out_who_would_dwarf_the_others() -> None:
    assert [subject for subject, _ in findings().bars(Chart("rate", "Taken", without=[BASE]))] == ["relay"]


def test_a_chart_of_nothing_is_a_chart() -> None:
    ElementTree.fromstring(bars("Nothing", []))  # noqa: S314


def test_subjects_take_turns_and_one_that_fails_leaves_the_others(tmp_path: Path) -> None:
    turns: list[str] = []

    def subject(name: str) -> Sample:
        turns.append(name)
        if name == "b":
            raise RuntimeError("it ended")
        return {"rate": len(turns)}

    part = Findings("part", "", "", ())
    interleaved(
        part, {name: lambda _directory, _faults, name=name: subject(name) for name in "abc"}, Bounds(tmp_path, 2)
    )

    assert turns == [*"abccba"]
    assert part.rounds == {"a": [{"rate": 1}, {"rate": 6}], "b": [{}, {}], "c": [{"rate": 3}, {"rate": 4}]}
    assert part.faults == ["b, round 1: did not run: it ended", "b, round 2: did not run: it ended"]


def test_subjects_are_chosen_by_words_beside_what_they_are_compared_with(tmp_path: Path) -> None:
    bounds = Bounds(tmp_path, only=("new", "mail"))

    assert [name for name in (BASE, "relay, new", "relay, mail", "nginx") if bounds.wants(name)] == [
        BASE, "relay, new", "relay, mail",
    ]  # fmt: skip
    assert Bounds(tmp_path).wants("nginx")


def test_a_round_for_which_there_is_no_time_is_left_out(tmp_path: Path) -> None:
    part = Findings("part", "", "", ())

    interleaved(part, {"a": lambda _directory, _faults: {"rate": 1.0}}, Bounds(tmp_path, 3, ends=0))

    assert part.rounds == {"a": [{"rate": 1.0}]}
    assert part.left_out == ["2 of 3 rounds, for which there was no time"]
