"""relay with one line wrong at a time: its tests notice nine of ten."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.mutations.table import Mutation, mutations

ROOT = Path(__file__).parents[2]
LEAST = 0.9
AT_ONCE = 2
TREES = ("relay_sandbox", "tests", "templates", "config", "docs", "pyproject.toml")
PYTEST = ["-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", "-p", "no:randomly", "--no-header"]


@pytest.mark.soak
def test_each_mutation_replaces_one_place_and_has_tests() -> None:
    wrong = [str(one) for one in mutations() if len(one.find(ROOT)) != 1]
    missing = [test for one in mutations() for test in one.tests.split() if not (ROOT / "tests" / test).exists()]

    assert (wrong, missing) == ([], [])


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_nine_of_ten_mutations_are_caught(tmp_path: Path) -> None:
    every = [*enumerate(mutations())]
    with ThreadPoolExecutor(AT_ONCE) as threads:
        found = threads.map(lambda one: is_caught(tmp_path / f"{one[0]}", one[1]), every)
        survivors = [str(one) for (_, one), caught in zip(every, found, strict=True) if not caught]

    print(f"{len(every) - len(survivors)} of {len(every)} caught", *survivors, sep="\n")
    assert len(survivors) <= len(every) * (1 - LEAST), survivors


def is_caught(tree: Path, mutation: Mutation) -> bool:
    """Return whether one of its tests fails in a tree of its own."""
    tree.mkdir()
    for name in TREES:
        (tree / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "relay", tree / "relay")
    [file] = mutation.find(tree)
    file.write_text(file.read_text("utf-8").replace(mutation.was, mutation.becomes), "utf-8")
    tests = [f"tests/{name}" for name in mutation.tests.split()]
    env = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run([sys.executable, *PYTEST, *tests], cwd=tree, env=env, capture_output=True, check=False)
    shutil.rmtree(tree)
    assert done.returncode in (0, 1, 2), done.stdout.decode()[-2000:]
    return done.returncode != 0
