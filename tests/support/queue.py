"""The verbs of the queue as a worker calls them, in one call each."""

from dataclasses import replace

from relay.domain.deliveries import Delivery, Receipt, Target
from relay.domain.events import Event
from relay.policy.presentation import presentation_for, reply_in_batch_thread
from relay.store import Store
from relay.store.admin import Admin

POSTED = Receipt("C1/1.1", {"channel": "C1", "ts": "1.1"})


async def claim(store: Store, channel: str = "slack") -> list[Delivery]:
    return list((await store.claim(channel, 20)).deliveries)


async def claim_one(store: Store, channel: str = "slack") -> Delivery:
    (delivery,) = await claim(store, channel)
    return delivery


async def send(store: Store, channel: str = "slack", receipt: Receipt = POSTED) -> Delivery:
    delivery = await claim_one(store, channel)
    await store.mark_sending(delivery)
    await store.complete(delivery, receipt)
    return delivery


async def counts(store: Store) -> dict[str, int]:
    return dict((await Admin(store).ledger()).counts)


async def accept(store: Store, *accepted: Event, to: Target) -> None:
    for event in accepted:
        presentation = replace(presentation_for(event), batch_reply=reply_in_batch_thread(event))
        await store.accept(event, [replace(to, presentation=presentation)])
