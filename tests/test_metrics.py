"""Counts of several processes, shown by any one of them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.patience import patience

pytestmark = pytest.mark.slow

COUNT = "from relay import metrics; metrics.events.labels('ops', 'accepted').inc()"
SHOW = "import sys; from relay import metrics; print(metrics.exposition(metrics.shared(sys.argv[1])).decode())"


def run(program: str, directory: Path) -> str:
    env = os.environ | {"PROMETHEUS_MULTIPROC_DIR": f"{directory}"}
    command = [sys.executable, "-c", program, f"{directory}"]
    return subprocess.run(command, env=env, check=True, capture_output=True, text=True, timeout=patience()).stdout


def test_the_counts_of_several_processes_are_added_up(tmp_path: Path) -> None:
    run(COUNT, tmp_path)
    run(COUNT, tmp_path)

    shown = run(SHOW, tmp_path)

    assert 'relay_events_total{outcome="accepted",source="ops"} 2.0' in shown
