"""What ticks beside the worker: a tick that fails or hangs, and that every process knows what is silenced."""

import asyncio
import re
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY

from relay.background.scheduler import LONGEST, Scheduler
from relay.background.upkeep import SilenceWatch
from relay.config import parse_config
from relay.errors import StoreUnavailable
from relay.health import Health
from relay.policy.silences import Silences
from relay.store import Store
from relay.store.queries.runs import Runs
from relay.store.queries.silences import SilenceList
from tests.support.clock import Clock, loop_ahead
from tests.support.configuration import CHANNELS, GOOD, SECRETS
from tests.support.patience import patience
from tests.support.silences import HOUR, added, silence


async def test_a_tick_that_fails_costs_the_others_nothing_and_is_tried_again(clock: Clock) -> None:
    ticked: list[float] = []

    async def fails(now: float) -> None:
        if not ticked:
            raise StoreUnavailable("Redis: away")

    async def works(now: float) -> None:
        ticked.append(now)

    scheduler = Scheduler({"fails": fails, "works": works}, clock=clock)
    await scheduler.tick()
    clock.advance(30)
    await scheduler.tick()

    assert ticked == [clock() - 30, clock()]


async def test_a_tick_that_hangs_is_cut_off_and_the_others_come(clock: Clock) -> None:
    hangs, ticked = asyncio.Event(), []

    async def hang(_now: float) -> None:
        hangs.set()
        await asyncio.Event().wait()

    async def works(now: float) -> None:
        ticked.append(now)

    ticking = asyncio.create_task(Scheduler({"hangs": hang, "works": works}, clock=clock).tick())
    await hangs.wait()
    with loop_ahead(LONGEST):
        await asyncio.wait([ticking], timeout=patience(5))
    ticking.cancel()

    assert ticked == [clock()]


async def test_it_ticks_where_the_partition_is_owned(clock: Clock) -> None:
    ticked: list[float] = []
    owns = iter([False, True, False])

    async def tick(now: float) -> None:
        ticked.append(now)

    scheduler = Scheduler({"watchdog": tick}, clock=clock, period=0.0, mine=lambda: next(owns))
    with pytest.raises(RuntimeError, match="StopIteration"):
        await scheduler.run()

    assert ticked == [clock()]


async def test_readyz_says_which_tick_failed_last_until_it_is_done_again(redis_store: Store, clock: Clock) -> None:
    store, faults = redis_store, [TypeError("of a stranger's document")]

    async def tick(_now: float) -> None:
        if faults:
            raise faults[0]

    health = Health(store, lambda: parse_config(GOOD, env=SECRETS, channels=CHANNELS), clock=clock)
    await health.prepare()
    scheduler = Scheduler({"watchdog": tick}, clock=clock, report=Runs(store).report_tick)
    await scheduler.tick()
    clock.advance(12)

    failed = await health.readiness()
    faults.clear()
    await scheduler.tick()
    done = await health.readiness()

    assert failed.ready
    assert re.fullmatch(
        r"failed 1[23] s ago: TypeError at relay/background/scheduler\.py:\d+", failed.checks["tick:watchdog"]
    )
    assert "tick:watchdog" not in done.checks


def watch(kept: SilenceList, clock: Clock) -> SilenceWatch:
    return SilenceWatch(Silences(), kept, clock=clock)


async def test_what_another_process_silenced_is_known_at_the_next_look(
    open_store: Callable[..., Store], clock: Clock
) -> None:
    here = watch(SilenceList(open_store()), clock)
    await here.look()
    kept = await added(open_store(), silence(clock()))
    before = here.silences.active(clock())
    await here.look()
    during, gauge = here.silences.active(clock()), REGISTRY.get_sample_value("relay_silences")
    await kept.expire("s-1")
    await here.look()

    assert (before, during, gauge) == ([], [silence(clock())], 1)
    assert here.silences.active(clock()) == []
    assert REGISTRY.get_sample_value("relay_silences") == 0


async def test_what_is_over_is_forgotten_without_being_told_so(store: Store, clock: Clock) -> None:
    here = watch(await added(store, silence(clock())), clock)
    await here.look()
    clock.advance(HOUR)
    await here.look()

    assert here.silences.current == ()
