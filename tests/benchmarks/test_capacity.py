"""What a rate needs: arithmetic on figures that somebody measured. Pure."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import capacity
from benchmarks.capacity import MOST_PARTITIONS, RATES, Measured, main, measured_in, need

MEASURED = Measured(
    app=500,
    redis=100,
    spread_app=1.5,
    spread_redis=2,
    spread_nodes=3,
    message_app=4000,
    message_redis=500,
    running=2700,
)
DOCUMENT = {
    "parts": [
        {"name": "ingest", "rounds": {"relay, new, heard": [{"app_us": 500, "redis_us": 100}]}},
        {"name": "burst", "rounds": {"relay, Slack": [{"app_us": 4000, "redis_us": 500}]}},
        {"name": "growth", "rounds": {"relay, step 1": [{"bytes": 2600}], "relay, step 2": [{"bytes": 2700}]}},
        {
            "name": "width",
            "rounds": {
                "relay, one Redis, 1 partition": [{"app_us": 400, "redis_us": 80}],
                "relay, Cluster of 1": [{"app_us": 500, "redis_us": 100}],
                "relay, Cluster of 3": [{"app_us": 600, "redis_us": 160}],
            },
        },
    ]
}


def test_the_figures_are_found_where_the_benchmark_put_them() -> None:
    assert measured_in(DOCUMENT) == MEASURED


@pytest.mark.parametrize("missing", range(4))
def test_a_figure_that_was_not_measured_is_named(
    missing: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "results.json"
    parts = [part for number, part in enumerate(DOCUMENT["parts"]) if number != missing]
    file.write_text(json.dumps({"parts": parts}))

    with pytest.raises(SystemExit):
        main([str(file)])

    assert f"not measured: {DOCUMENT['parts'][missing]['name']}" in capsys.readouterr().err


def test_a_small_rate_is_one_of_each() -> None:
    small = need(10, MEASURED)

    assert (small.processes, small.nodes, small.possible) == (1, 1, True)


def test_more_events_never_need_less() -> None:
    needs = [need(rate, MEASURED) for rate in RATES]

    for figure in ("processes", "nodes", "memory", "dollars"):
        values = [getattr(each, figure) for each in needs]
        assert values == sorted(values)


def test_nodes_have_the_cpu_that_their_events_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "OVER", 0)
    monkeypatch.setattr(capacity, "FINISHED", 0)
    monkeypatch.setattr(capacity, "IDS", 0)
    free = replace(MEASURED, running=0, message_redis=0)

    assert need(5_000, free).nodes == 1  # 0.5 of a core
    assert need(7_000, free).nodes == 3  # an event costs twice as much where there are several
    assert need(12_000, free).nodes == 5  # and more where there are more than were measured
    assert need(12_000, free).limited_by == "CPU"


def test_more_nodes_than_partitions_are_called_impossible() -> None:
    largest = need(RATES[-1], MEASURED)

    assert largest.nodes > MOST_PARTITIONS
    assert f"at most {MOST_PARTITIONS}" in "\n".join(capacity.lines([largest]))


def test_the_table_has_a_row_for_each_rate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "results.json"
    file.write_text(json.dumps(DOCUMENT))

    main([str(file), "--rates", "10", "1000"])

    rows = capsys.readouterr().out.splitlines()[2:]
    assert [row.split("|")[1].strip() for row in rows] == ["10", "1,000"]
