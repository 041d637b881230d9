"""Stopping: what may cut it short, what ends side by side, and that a relay which cannot go on says so."""

import asyncio

import pytest

from relay.errors import RelayError
from relay.shutdown import Shutdown, cancelled
from tests.support.clock import loop_ahead
from tests.support.patience import patience

HOUR = 3600.0


async def test_a_drain_is_cut_short_by_a_stop() -> None:
    shutdown = Shutdown(HOUR)
    shutdown.drain()
    await shutdown.requested([])
    draining = asyncio.create_task(shutdown.drained(HOUR, []))
    await asyncio.sleep(0)
    assert not draining.done()

    shutdown.stop()

    await asyncio.wait_for(draining, patience())


async def test_a_stop_does_not_drain() -> None:
    shutdown = Shutdown(HOUR)
    shutdown.stop()
    await shutdown.requested([])

    await asyncio.wait_for(shutdown.drained(HOUR, []), patience())


async def test_a_loop_that_ends_by_itself_ends_relay() -> None:
    async def broken() -> None:
        raise LookupError("of the loop")

    with pytest.raises(RelayError, match="ended by itself") as error:
        await asyncio.wait_for(Shutdown(HOUR).requested([asyncio.create_task(broken())]), patience())

    assert isinstance(error.value.__cause__, LookupError)


async def test_chains_end_side_by_side_and_their_steps_in_order_with_what_is_left_of_the_grace() -> None:
    shutdown, ended, second = Shutdown(HOUR), [], asyncio.Event()

    async def requests(left: float) -> None:
        await second.wait()  # the other chain does not wait for this one
        ended.append(("requests", 0 < left <= HOUR))

    async def notices(left: float) -> None:
        ended.append(("notices", 0 < left <= HOUR))

    async def sends(left: float) -> None:
        ended.append(("sends", 0 < left <= HOUR))
        second.set()

    shutdown.stop()
    await shutdown.requested([])
    await asyncio.wait_for(shutdown.finish([requests, notices], [sends]), patience())

    assert ended == [("sends", True), ("requests", True), ("notices", True)]


async def test_the_grace_runs_from_the_signal_on_and_the_drain_is_a_part_of_it() -> None:
    shutdown, left = Shutdown(HOUR), []

    async def end(seconds: float) -> None:
        left.append(seconds)

    shutdown.drain()
    await shutdown.requested([])
    await shutdown.drained(0.0, [])
    with loop_ahead(HOUR / 2):
        await shutdown.finish([end])

    assert HOUR / 2 - patience() < left[0] <= HOUR / 2


async def test_a_task_that_swallows_its_first_cancellation_is_ended_all_the_same() -> None:
    async def stubborn() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.sleep(0)

    await asyncio.wait_for(cancelled(task), patience())

    assert task.cancelled()
