"""Failures that are held: told after the hold, or not at all where the run is begun again in time."""

from dataclasses import replace
from typing import Any

import pytest

from relay.domain.deliveries import Delivery
from relay.store import Store
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import accept, claim, counts, send_all
from tests.support.targets import mail, team

HOLD = 300.0
TEAM, MAIL = team(hold=HOLD), mail(hold=HOLD)


def names(deliveries: list[Delivery]) -> list[tuple[str, str]]:
    return [(one.kind, one.event.name) for one in deliveries]


class TestMails:
    @pytest.mark.parametrize("again", [{"retryNumber": 1}, {"operationId": "op-2", "originalOperationId": "op-1"}])
    async def test_one_that_heals_is_not_mailed_but_with_the_end(
        self, store: Store, clock: Clock, again: dict[str, Any]
    ) -> None:
        await accept(store, events.failed(operationId="op-1"), to=MAIL)
        clock.advance(HOLD - 1)
        end = events.completed(**{"operationId": "op-1"} | again)
        if end.original and end.operation:  # as intake numbers it
            end = replace(end, operation=replace(end.operation, retry=1))
        await accept(store, end, to=MAIL)

        (told,) = await send_all(store, clock, "email")

        assert (told.event.name, told.wording) == ("operation.completed", "healed")
        assert told.mishap == "The extractor did not answer for 300 s."
        assert (await counts(store))["held:healed"] == 1

    async def test_a_try_that_comes_too_late_heals_nothing(self, store: Store, clock: Clock) -> None:
        await accept(store, events.failed(), to=MAIL)
        clock.advance(HOLD + 1)
        await accept(store, events.completed(retryNumber=1), to=MAIL)

        told = await send_all(store, clock, "email")

        assert names(told) == [("each", "operation.failed"), ("each", "operation.completed")]
        assert [one.wording for one in told] == ["", ""]


class TestLiveMessages:
    async def test_a_run_that_fails_again_and_again_is_told_all_the_same(self, store: Store, clock: Clock) -> None:
        await accept(store, events.progress(40), to=TEAM)
        await send_all(store, clock)
        failures = []
        for run in range(6):
            await accept(store, events.progress(5, retryNumber=run), events.failed(retryNumber=run), to=TEAM)
            clock.advance(HOLD / 2)
            failures += [one.event.retry for one in await send_all(store, clock) if one.kind == "reply"]

        assert failures == [2, 5]


class TestAFailureWhoseMessageIsStillOnItsWay:
    """Its reply waits for the hold, and the edit for the message: the next run may begin before either has left."""

    async def told(self, store: Store, clock: Clock, after: float) -> list[tuple[str, str]]:
        await accept(store, events.progress(40), to=TEAM)
        (first,) = await claim(store)
        await store.mark_sending(first)
        await accept(store, events.failed(), to=TEAM)
        clock.advance(after)
        await accept(store, events.progress(5, retryNumber=1), to=TEAM)
        await store.reschedule(first, 0, "503")

        return names(await send_all(store, clock, seconds=int(HOLD) + 8))

    async def test_it_is_told_once_where_the_next_run_begins_after_the_hold(self, store: Store, clock: Clock) -> None:
        told = await self.told(store, clock, HOLD + 1)

        assert told == [("live", "operation.progress"), ("reply", "operation.failed")]

    async def test_it_is_not_told_where_that_heals_it(self, store: Store, clock: Clock) -> None:
        assert await self.told(store, clock, HOLD - 1) == [("live", "operation.progress")]
