"""Random lives of the engine: whatever happens, all of it arrives in the end, and none of it twice.

`tests/engine/life` has what happens, without any server. After every step the ledger adds up, whatever waits
is found, and each index says what records say; at the end, when all is well again, every event that was accepted
arrived, is held, collected or dead, nothing is stuck, and nothing is left that nobody needs.
"""

from typing import Any

import pytest

from tests.engine.life import faults_of

EACH = 25  # lives of one test
STEPS = 25


def first_seeds(every: int, quick: int) -> list[Any]:
    """The first seed of each test, of which `quick` run in every lane."""
    soaked = (pytest.param(seed * EACH, marks=pytest.mark.soak) for seed in range(quick, every))
    return [*(seed * EACH for seed in range(quick)), *soaked]


@pytest.mark.parametrize("first", first_seeds(800, quick=8))
def test_whatever_happens_all_of_it_arrives_in_the_end(first: int) -> None:
    for seed in range(first, first + EACH):
        assert faults_of(seed, STEPS) == ""
