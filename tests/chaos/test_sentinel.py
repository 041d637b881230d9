"""A whole relay while Sentinels replace its Redis; the benchmark of failovers, with as few as show both kinds."""

import pytest

from tests.chaos.failovers import failovers

pytestmark = pytest.mark.slow


@pytest.mark.timeout(200)
@pytest.mark.parametrize("count", [1, pytest.param(4, marks=pytest.mark.soak)])
async def test_failovers_under_load_lose_nothing_and_repeat_only_the_unknown(count: int) -> None:
    report = await failovers(count, quick=True)

    assert report.acknowledged > 0
    assert (report.lost, report.imbalance) == (0, 0)
    assert report.repeats <= report.unknown
    assert sum(len(seconds) for seconds in report.pauses.values()) == count
    assert "0 lost" in str(report)
