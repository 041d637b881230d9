"""Who is not written to any more: held by accept, dropped by claim, and how an address comes to be on the list."""

import pytest

from relay.domain.deliveries import Delivery, Receipt
from relay.store import Store
from relay.store.queries.suppressions import BOUNCED, EVERYWHERE, Suppressions
from tests.support import events
from tests.support.clock import Clock
from tests.support.targets import mail

ANALYST = "analyst@example.com"
DAY = 86_400


@pytest.fixture
def suppressions(store: Store) -> Suppressions:
    return Suppressions(store)


async def claimed(store: Store) -> list[Delivery]:
    return list((await store.claim("email", 20)).deliveries)


async def bounce(store: Store, how: str, number: int, address: str = ANALYST) -> None:
    """One more mail that its server refuses."""
    await store.accept(events.completed(operationId=f"op-{number}"), [mail(address)])
    (delivery,) = await claimed(store)
    await store.mark_sending(delivery)
    await store.dead_letter(delivery, "rejected", "550 5.2.1 mailbox disabled", bounce=how)


async def arrive(store: Store, number: int) -> None:
    await store.accept(events.completed(operationId=f"op-{number}"), [mail()])
    (delivery,) = await claimed(store)
    await store.mark_sending(delivery)
    await store.complete(delivery, Receipt("250 OK"))


class TestHolding:
    @pytest.mark.parametrize("written", ["Analyst@example.com", "ANALYST@EXAMPLE.COM"])
    async def test_an_address_is_the_same_in_any_case_of_letters(
        self, written: str, store: Store, suppressions: Suppressions
    ) -> None:
        await suppressions.add(written)

        assert (await store.accept(events.completed(), [mail()])).deliveries == 0
        assert await suppressions.reason("analysts", ANALYST) == "suppressed"
        assert [one.address for one in await suppressions.find(ANALYST)] == [written]


class TestBounces:
    async def test_an_address_that_does_not_exist_is_suppressed_at_once_and_everywhere(
        self, store: Store, suppressions: Suppressions
    ) -> None:
        await bounce(store, "hard", 1)

        (entry,) = await suppressions.all()
        assert (entry.destination, entry.address, entry.reason) == (EVERYWHERE, ANALYST, BOUNCED)
        assert entry.detail == "550 5.2.1 mailbox disabled"
        accepted = await store.accept(events.completed(), [mail(destination="others")])
        assert accepted.held == (("others", "bounced"),)

    async def test_other_refusals_suppress_at_the_third(self, store: Store, suppressions: Suppressions) -> None:
        found = []
        for number in range(3):
            await bounce(store, "soft", number)
            found.append(await suppressions.reason("analysts", ANALYST))

        assert found == ["", "", "bounced"]

    async def test_refusals_count_for_fourteen_days(
        self, store: Store, suppressions: Suppressions, clock: Clock
    ) -> None:
        await bounce(store, "soft", 1)
        await bounce(store, "soft", 2)
        clock.advance(14 * DAY + 1)
        await bounce(store, "soft", 3)

        assert await suppressions.all() == []

    async def test_a_mail_that_arrives_clears_the_count(self, store: Store, suppressions: Suppressions) -> None:
        await bounce(store, "soft", 1)
        await bounce(store, "soft", 2)
        await arrive(store, 3)
        await bounce(store, "soft", 4)

        assert await suppressions.all() == []
