"""Which channels get nothing through: what fails every message counts, what is about one of them does not."""

import pytest

from relay.delivering.reach import Reach
from relay.errors import DeliveryError
from relay.store import Store
from tests.support.clock import Clock
from tests.support.events import body, event_of
from tests.support.queue import claim_one
from tests.support.targets import room

NO_ANSWER = DeliveryError("no answer", outcome_unknown=True)


@pytest.mark.parametrize(
    ("error", "counts"),
    [
        (DeliveryError("no connection"), True),
        (NO_ANSWER, True),
        (DeliveryError("invalid_auth", pause="channel"), True),
        (DeliveryError("503", outcome_unknown=True, retry_after=30.0), True),
        (DeliveryError("450 greylisted", retry_after=60.0), False),
        (DeliveryError("550 no such address", permanent=True), False),
        (DeliveryError("is_archived", pause="destination"), False),
        (DeliveryError("ratelimited", pause="limit", retry_after=30.0), False),
    ],
    ids=str,
)
def test_what_counts_against_the_channel(clock: Clock, error: DeliveryError, *, counts: bool) -> None:
    reach = Reach(clock)
    reach.failed("slack", error)

    assert list(reach.failing()) == ["slack"] * counts


async def test_it_fails_since_the_first_attempt_and_works_with_the_first_that_gets_through(
    store: Store, clock: Clock
) -> None:
    reach, began = Reach(clock), clock()
    for _ in range(3):
        reach.failed("slack", NO_ANSWER)
        clock.advance(60.0)
    failing = reach.failing()["slack"]
    await store.accept(event_of(body("operation.failed", 40, status="Failed")), [room()])
    reach.delivered(await claim_one(store))

    assert (failing.since, failing.at, failing.reason) == (began, began + 120.0, "no answer")
    assert reach.failing() == {}
    assert reach.works() == {"channel:slack": clock(), "destination:room/#room": clock()}
    assert reach.works() == {}
