"""The command that prints what the store costs Redis: the whole of it, with as little as makes each figure."""

import json
from pathlib import Path

import pytest

from benchmarks.store.__main__ import main

pytestmark = pytest.mark.slow

CASES = {"nobody hears of it", "a duplicate of it", "one live message", "run of 21, delivered"}


def test_every_cost_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "costs.json"

    main(["--lives", "4", "--batches", "1", "4", "--operations", "64", "--fsync", "no", "--json", str(file)])

    costs = json.loads(file.read_text("utf-8"))
    assert {(cost["case"], cost["batch"]) for cost in costs["events"]} == {(case, n) for case in CASES for n in (1, 4)}
    assert all(cost[figure] > 0 for cost in costs["events"] for figure in ("commands", "scripts", "cpu", "log"))
    assert [cost["total"] > 0 for cost in costs["operations"]] == [True] * 3
    assert all(figure > 0 for figure in costs["restart"].values())
    # Events that come together are one script; a delivery has more.
    of_a_batch = {cost["scripts"] for cost in costs["events"] if cost["batch"] == 4 and "delivered" not in cost["case"]}
    assert of_a_batch == {1 / 4}
    printed = capsys.readouterr().out
    assert costs["versions"] in printed
    rows = [line for line in printed.splitlines() if line.startswith(tuple(CASES))]
    assert len(rows) == len(costs["events"])
