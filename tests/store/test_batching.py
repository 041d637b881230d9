"""Calls that travel together: each caller hears of its own, whatever becomes of the batch."""

import asyncio
from collections.abc import Sequence

import pytest

from relay.store.accepting import Batcher
from tests.support.patience import patience


async def test_whoever_waits_for_a_batch_that_is_cancelled_hears_of_it() -> None:
    async def run(_: Sequence[str]) -> Sequence[str]:
        raise asyncio.CancelledError

    batcher = Batcher[str, str](run, most=1)
    calls = [asyncio.create_task(batcher.submit(request)) for request in ("in it", "behind it")]

    done, waiting = await asyncio.wait(calls, timeout=patience(2.0))

    assert not waiting
    assert all(call.cancelled() for call in done)


async def test_a_batch_that_fails_fails_all_who_wait() -> None:
    async def run(_: Sequence[str]) -> Sequence[str]:
        raise ConnectionError("away")

    batcher = Batcher[str, str](run, most=1)

    with pytest.raises(ExceptionGroup) as failed:
        async with asyncio.TaskGroup() as group:
            for request in ("in it", "behind it"):
                group.create_task(batcher.submit(request))

    assert [str(error) for error in failed.value.exceptions] == ["away", "away"]
