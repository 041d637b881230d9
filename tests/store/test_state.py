"""The facts that settling writes of each channel and of each address of a destination."""

from collections.abc import Callable

from relay.policy.reachability import State
from relay.policy.retry import Pause
from relay.store import Store
from relay.store.queries.reachability import Reachability
from relay.store.sealing import Sealer
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import claim, claim_one
from tests.support.targets import room
from tests.support.waiting import until

CHANNEL, DESTINATION = "channel:slack", "destination:room/#room"


async def fail(store: Store, *scopes: str, error: str) -> None:
    delivery = await claim_one(store)
    await store.mark_sending(delivery)
    pauses = [Pause(scope, 60, error, probe=True) for scope in scopes]
    await store.reschedule(delivery, 60, error, refund_attempt=True, unknown=False, holds=pauses)


async def test_its_reader_says_the_same_of_sealed_causes_with_how_much_waits(
    open_redis_store: Callable[..., Store], clock: Clock
) -> None:
    store = open_redis_store(sealer=Sealer({"now": b"k" * 32}))
    await store.prepare()
    await store.report(events.completed(), [room()])
    await fail(store, CHANNEL, error="slack.com: not known")
    await store.report(events.completed(operationId="op-2"), [room()])
    await claim(store)

    async def both_wait() -> dict[str, State] | None:
        states = await Reachability(store).of([CHANNEL, DESTINATION], ["slack"])
        return states if states[CHANNEL].parked == 2 else None

    states = await until(both_wait)  # what a claim changes goes with the next commit
    assert states[CHANNEL] == State("failing", clock(), "slack.com: not known", parked=2)
    assert states[DESTINATION] == State()
