"""A whole relay while Sentinels replace its Redis: the benchmark of failovers, with as few as show both kinds."""

import pytest

from benchmarks.failovers import failovers

pytestmark = pytest.mark.slow


@pytest.mark.timeout(200)
async def test_failovers_under_load_lose_nothing_and_repeat_only_the_unknown() -> None:
    report = await failovers(2, quick=True)

    assert report.acknowledged > 0
    assert (report.lost, report.imbalance) == (0, 0)
    assert report.repeats <= report.unknown
    assert [len(seconds) for seconds in report.pauses.values()] == [1, 1]
    assert "0 lost" in str(report)
