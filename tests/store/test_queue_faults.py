"""What the queue makes of faults, of what is given up, and of what it has no use for any more."""

import asyncio
from dataclasses import replace

from relay.domain.deliveries import Accepted
from relay.errors import HandlingFailed
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import claim, claim_one
from tests.support.records import damage
from tests.support.targets import mail, room


class TestFaults:
    async def test_half_a_surrogate_pair_in_one_event_is_no_poison_for_those_that_travel_with_it(
        self, store: Store
    ) -> None:
        poisoned = replace(events.completed(operationId="op-1"), source="a \ud800 source")
        answers = await asyncio.gather(
            store.accept(poisoned, [room()]),
            *(store.accept(events.completed(operationId=f"op-{number}"), [room()]) for number in range(2, 6)),
            return_exceptions=True,
        )

        assert isinstance(answers[0], HandlingFailed)
        assert [answer.status for answer in answers[1:] if isinstance(answer, Accepted)] == ["accepted"] * 4


async def test_what_relay_cannot_read_waits_for_another_release_and_is_then_a_dead_letter_that_says_so(
    store: Store, clock: Clock
) -> None:
    await store.accept(events.completed(), [mail()])
    mend = await damage(store)
    for _ in range(9):
        assert await claim(store, "email") == []
        clock.advance(30)
    (letter,) = await Admin(store).dead()
    await mend()
    await Admin(store).replay([letter.id])

    assert (letter.reason, letter.error[:8]) == ("unreadable", "KeyError")
    assert (await claim_one(store, "email")).attempt == 1
