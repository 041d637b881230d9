"""Two relays under load through disasters: what was answered 2xx is told, and told once unless nobody could know."""

import pytest

from tests.chaos.disasters import STORES, crash_loop, disasters
from tests.support.patience import patience
from tests.support.sentinels import DOWN_AFTER, FAILOVER_TIMEOUT

pytestmark = pytest.mark.slow

DIVIDED = 3  # votes of Sentinels that nobody wins, one after the other


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("store", "rounds"), [("alone", 2), ("sentinels", 1)])
async def test_a_few_disasters_lose_nothing_and_repeat_only_the_unknown(store: str, rounds: int) -> None:
    report = await disasters(store, rounds)

    assert report.faults == [], report
    assert report.counts["events"] > 0


@pytest.mark.timeout(300)
async def test_a_primary_that_is_killed_is_replaced_in_time() -> None:
    report = await disasters("sentinels", 1, only=("primary killed",))

    assert report.faults == [], report
    # They call it down, and agree on who replaces it; if they are divided, they try again. Then relay looks.
    assert max(report.pauses["primary killed"]) < patience((DOWN_AFTER + DIVIDED * 2 * FAILOVER_TIMEOUT) / 1000 + 5)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("rounds", [2, pytest.param(20, marks=pytest.mark.soak)])
async def test_stops_in_good_order_and_cut_connections_leave_no_outcome_unknown(rounds: int) -> None:
    report = await disasters("alone", rounds, only=("relay restarted", "relays restarted in turn", "connections cut"))

    assert (report.faults, report.counts["unknown outcomes"]) == ([], 0), report


@pytest.mark.soak
@pytest.mark.timeout(6000)
async def test_a_crash_loop_of_owners_loses_nothing_and_sets_nothing_aside() -> None:
    report = await crash_loop(50)

    print(report)
    assert report.faults == [], report
    assert report.counts["deaths"] >= 50


@pytest.mark.soak
@pytest.mark.timeout(6000)
@pytest.mark.parametrize("store", STORES)
async def test_a_hundred_rounds_lose_nothing_and_repeat_only_the_unknown(store: str) -> None:
    report = await disasters(store, 100)

    print(report)
    assert report.faults == [], report
