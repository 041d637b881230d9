"""The verbs of the queue as a worker calls them, in one call each."""

from collections.abc import Sequence
from dataclasses import replace

from relay.domain.deliveries import Delivery, Receipt, Target
from relay.domain.events import Event
from relay.engine.receipts import Lapse
from relay.policy.presentation import presentation_for, reply_in_batch_thread
from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.queries.dead_letters import DeadLetter, DeadPages
from relay.store.queries.questions import Access
from tests.support.clock import Clock

POSTED = Receipt("C1/1.1", {"channel": "C1", "ts": "1.1"})


async def claim(store: Store, channel: str = "slack") -> list[Delivery]:
    return list((await store.claim(channel, 20)).deliveries)


async def claim_one(store: Store, channel: str = "slack") -> Delivery:
    (delivery,) = await claim(store, channel)
    return delivery


async def lose(store: Store) -> None:
    """Let the processes that hold something be gone: the partition's next owner gives that up."""
    await store.submit(Lapse())


async def send(store: Store, channel: str = "slack", receipt: Receipt = POSTED) -> Delivery:
    delivery = await claim_one(store, channel)
    await store.mark_sending(delivery)
    await store.complete(delivery, receipt)
    return delivery


async def send_all(store: Store, clock: Clock, channel: str = "slack", seconds: int = 8) -> list[Delivery]:
    """Return what is due within these seconds; each run's message has a number of its own in Slack."""
    sent: list[Delivery] = []
    for _ in range(seconds):
        while claimed := await claim(store, channel):
            for delivery in claimed:
                await store.mark_sending(delivery)
                thread = dict(delivery.thread) or {"channel": "C1", "ts": delivery.event.subject}
                await store.complete(delivery, Receipt("ok", thread if channel == "slack" else {}))
            sent += claimed
        clock.advance(1)
    return sent


async def dead_letters(store: Access) -> Sequence[DeadLetter]:
    """Return the newest of them."""
    return (await DeadPages(store).page()).rows


async def counts(store: Store) -> dict[str, int]:
    return dict((await Admin(store).ledger()).counts)


async def accept(store: Store, *accepted: Event, to: Target) -> None:
    """As rules would have it told: only a failure is held, or grouped with others."""
    for event in accepted:
        presentation = replace(presentation_for(event), batch_reply=reply_in_batch_thread(event))
        target = to if event.name == "operation.failed" else replace(to, hold=0.0, group=0.0)
        await store.report(event, [replace(target, presentation=presentation)])
