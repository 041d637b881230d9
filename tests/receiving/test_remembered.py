"""A question that many ask at once is worked out once."""

import asyncio

import pytest

from relay.receiving.probes import Remembered
from tests.support.clock import Clock


async def test_many_who_ask_at_once_and_soon_after_get_one_answer() -> None:
    asked, clock = [0], Clock()

    async def ask() -> int:
        asked[0] += 1
        await asyncio.sleep(0)
        return asked[0]

    remembered = Remembered(ask, period=1.0, clock=clock)

    assert await asyncio.gather(*(remembered() for _ in range(20))) == [1] * 20
    clock.advance(0.9)
    assert await remembered() == 1
    clock.advance(0.1)
    assert await remembered() == 2


async def test_an_error_and_whoever_hangs_up_are_not_remembered() -> None:
    answers = iter([ValueError("the first"), "fine"])
    go_on = asyncio.Event()

    async def ask() -> str:
        await go_on.wait()
        if isinstance(answer := next(answers), Exception):
            raise answer
        return answer

    remembered = Remembered(ask, clock=Clock())
    gone = asyncio.create_task(remembered())
    await asyncio.sleep(0)
    gone.cancel()
    go_on.set()

    with pytest.raises(ValueError, match="the first"):
        await remembered()
    assert await remembered() == "fine"
