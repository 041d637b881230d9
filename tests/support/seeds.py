"""Seeds of random tests: few in every run, the others in `make soak`."""

from typing import Any

import pytest


def seeds(every: int, quick: int = 3) -> list[Any]:
    """So many seeds, of which `quick` run in every lane."""
    return [*range(quick), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(quick, every))]
