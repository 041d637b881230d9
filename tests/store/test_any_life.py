"""Random lives of the store: whatever happens, all of it gets through in the end, and none of it twice.

`tests/support/life` has what happens. After every call the ledger adds up; at the end, when all is well again, every
event that was accepted was told, held, collected or is dead, nothing is stuck, and no key is left that nobody needs.
"""

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from relay.store import Store
from tests.support.clock import Clock
from tests.support.life import faults_of

STEPS = 250
PARTITIONS = (4, 1)  # in turn


def seeds(every: int, quick: int = 3) -> list[Any]:
    """So many seeds, of which `quick` run in every lane."""
    return [*range(quick), *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(quick, every))]


@pytest.mark.parametrize("seed", seeds(60))
async def test_whatever_happens_all_of_it_gets_through_in_the_end(
    open_store: Callable[..., Store], clock: Clock, seed: int
) -> None:
    with capture_logs() as lines:
        faults = await faults_of(open_store(), clock, seed, STEPS, PARTITIONS[seed % 2])

    assert faults == []
    assert [line for line in lines if line["log_level"] == "error"] == []


@pytest.mark.parametrize("seed", seeds(10, quick=1))
async def test_what_was_silenced_is_told_in_the_end_as_well(
    open_store: Callable[..., Store], clock: Clock, seed: int
) -> None:
    with capture_logs() as lines:
        faults = await faults_of(open_store(), clock, seed, STEPS, PARTITIONS[seed % 2], silent=True)

    assert faults == []
    errors = {line["event"] for line in lines if line["log_level"] == "error"}
    assert errors <= {"redis.still_unavailable"}  # whoever reads silences says what it meets
