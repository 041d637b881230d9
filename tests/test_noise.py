"""How much a day of operations makes people read: relay's own code on a simulated clock."""

from itertools import chain

import pytest

from benchmarks.noise.day import reports, runs
from benchmarks.noise.simulation import Policy, simulate
from tests.support.redis_server import RedisServer

pytestmark = pytest.mark.slow

RUNS = runs(5, 2, seed=1)


async def test_a_day_is_one_message_for_each_operation_and_one_for_each_failure_even_if_reports_come_late(
    redis_server: RedisServer,
) -> None:
    live = Policy("live", destination="mode: live")
    day = list(chain.from_iterable(reports(run, late=True) for run in RUNS))

    counted = await simulate(redis_server.url, live, day)

    assert len(day) > 200 * len(RUNS)
    failures = sum(run.outcome != "Completed" for run in RUNS)
    assert counted.messages == len(RUNS) + failures
    assert counted.replies == len(RUNS)  # the outcomes
    assert counted.edits <= 25 * len(RUNS)
    assert counted.violations == counted.imbalance == 0
