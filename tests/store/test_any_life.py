"""Random lives of the store: whatever happens, all of it gets through in the end, and none of it twice.

`tests/support/life` has what happens. After every call the ledger adds up; at the end, when all is well again, every
event that was accepted was told, held, collected or is dead, nothing is stuck, and no key is left that nobody needs.
"""

from collections.abc import Callable
from itertools import product

import pytest
from structlog.testing import capture_logs

from relay.store import Store
from tests.support.clock import Clock
from tests.support.life import faults_of

STEPS = 250
QUICK, ALL = 10, 60
PARTITIONS = (1, 4)
LIVES = [
    *product(range(QUICK), PARTITIONS),
    # In turn: another seed shows more than the same one again, which lives another life there anyway.
    *(pytest.param(seed, PARTITIONS[seed % 2], marks=pytest.mark.slow) for seed in range(QUICK, ALL)),
]


@pytest.mark.parametrize(("seed", "partitions"), LIVES)
async def test_whatever_happens_all_of_it_gets_through_in_the_end(
    open_store: Callable[..., Store], clock: Clock, seed: int, partitions: int
) -> None:
    with capture_logs() as lines:
        faults = await faults_of(open_store(), clock, seed, STEPS, partitions)

    assert faults == []
    assert [line for line in lines if line["log_level"] == "error"] == []


SILENT = [*product(range(2), PARTITIONS), *(pytest.param(seed, PARTITIONS[seed % 2], marks=pytest.mark.slow)
                                            for seed in range(2, 10))]  # fmt: skip


@pytest.mark.parametrize(("seed", "partitions"), SILENT)
async def test_what_was_silenced_is_told_in_the_end_as_well(
    open_store: Callable[..., Store], clock: Clock, seed: int, partitions: int
) -> None:
    with capture_logs() as lines:
        faults = await faults_of(open_store(), clock, seed, STEPS, partitions, silent=True)

    assert faults == []
    said = {line["event"] for line in lines if line["log_level"] == "error"}
    assert said <= {"redis.still_unavailable"}  # whoever reads silences says what it meets
