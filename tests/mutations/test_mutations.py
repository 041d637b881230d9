"""relay with one line wrong at a time: its tests notice nine of ten."""

import os
import subprocess
import sys

import pytest

from tests.mutations import running
from tests.mutations.table import ROOT, mutations

pytestmark = pytest.mark.soak

LEAST = 0.9


@pytest.mark.timeout(3600)
def test_nine_of_ten_mutations_are_caught() -> None:
    every = mutations()
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "-m", running.__name__]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, check=True, text=True)

    others = [line for line in done.stdout.splitlines() if not line.startswith("caught")]
    print(f"{len(every) - len(others)} of {len(every)} caught", *others, sep="\n")
    assert [line for line in others if not line.startswith("SURVIVED")] == []
    assert len(others) <= len(every) * (1 - LEAST)
