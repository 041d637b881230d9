"""Facts that processes share of relay itself: pauses, what is due, and messages that are essential."""

import pytest

from relay.domain.deliveries import Each
from relay.policy.retry import Pause
from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.queries.suppressions import Suppressions
from tests.support.clock import Clock
from tests.support.events import body, event_of
from tests.support.queue import claim_one, send
from tests.support.targets import mail, room


async def failed(store: Store, *addresses: str, name: str = "1") -> None:
    event = event_of(body("operation.failed", 40, status="Failed", operationId=f"op-{name}"), id=f"evt-{name}")
    await store.accept(event, [mail(address, how=Each()) for address in addresses])


async def test_a_pause_is_known_since_when_it_began(store: Store, clock: Clock) -> None:
    began = clock()
    await store.accept(event_of(body("operation.failed", 40, status="Failed")), [room()])
    for _ in range(3):
        delivery = await claim_one(store)
        await store.mark_sending(delivery)
        hold = Pause("channel:slack", 60.0, "invalid_auth", probe=True)
        await store.reschedule(delivery, 60.0, "invalid_auth", refund_attempt=True, holds=[hold])
        clock.advance(90.0)

    paused = await Admin(store).paused(["channel:slack", "channel:email"])

    assert paused == {"channel:slack": (began, "invalid_auth")}
    await send(store)
    assert await Admin(store).paused(["channel:slack"]) == {}


async def test_what_is_due_and_not_taken_is_known_since_when(store: Store, clock: Clock) -> None:
    admin, began = Admin(store), clock()
    before = await admin.oldest_due(["email"])
    await failed(store, "a@example.com")
    clock.advance(100.0)
    await failed(store, "b@example.com", name="2")

    assert before == {}
    assert await admin.oldest_due(["email", "slack"]) == {"email": began}
    assert await admin.oldest_due([]) == {}


@pytest.mark.parametrize(
    ("reason", "essential", "waiting", "reached"),
    [
        ("unsubscribed", True, False, 1), ("unsubscribed", True, True, 1), ("unsubscribed", False, False, 0),
        ("bounced", True, False, 0), ("suppressed", True, True, 0),
    ],
)  # fmt: skip
async def test_what_is_essential_reaches_whoever_has_unsubscribed_and_nobody_else(
    store: Store, reason: str, reached: int, *, essential: bool, waiting: bool
) -> None:
    """Before it is accepted, or while it waits."""
    event = event_of(body("operation.failed", 40, status="Failed"))
    steps = [
        lambda: Suppressions(store).add("analyst@example.com", "analysts", reason=reason),
        lambda: store.accept(event, [mail(how=Each(bypass_quiet_hours=True, essential=essential))]),
    ]
    for step in reversed(steps) if waiting else steps:
        await step()

    assert len((await store.claim("email", 10)).deliveries) == reached
