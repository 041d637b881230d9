"""What a process that is gone held is handed out again, and what it sent is not forgotten."""

from collections.abc import Callable

import pytest

from relay.engine.receipts import Lapse
from relay.store import Store
from tests.support import events
from tests.support.queue import POSTED, accept, claim, claim_one, counts
from tests.support.targets import mail, room
from tests.support.waiting import until


@pytest.fixture
async def pair(open_store: Callable[..., Store]) -> tuple[Store, Store]:
    """The stores of two processes, of which the first is about to die."""
    return open_store(worker="dead"), open_store(worker="alive")


GONE = Lapse(living=("alive",))


async def test_what_a_dead_process_held_is_handed_out_and_what_lives_keeps_what_it_holds(
    pair: tuple[Store, Store],
) -> None:
    dead, alive = pair
    await accept(dead, events.completed(), to=room())
    held = await claim_one(dead)
    await accept(alive, events.completed(operationId="op-2"), to=mail())
    kept = await claim_one(alive, "email")
    early = await claim(alive)

    await alive.submit(GONE)
    again = await claim_one(alive)

    assert early == await claim(alive, "email") == []
    assert (again.id, again.attempt, again.unknown) == (held.id, 1, False)
    assert await alive.mark_sending(kept)


async def test_a_receipt_is_taken_after_that_if_nobody_else_has_begun(pair: tuple[Store, Store]) -> None:
    dead, alive = pair
    await accept(dead, events.completed(), to=mail())
    delivery = await claim_one(dead, "email")
    await dead.mark_sending(delivery)
    await alive.submit(GONE)

    settled = await dead.complete(delivery, POSTED)

    assert settled
    assert await claim(alive, "email") == []
    assert (await counts(alive))["delivered"] == 1


async def test_only_the_receipt_is_taken_so_late(pair: tuple[Store, Store]) -> None:
    dead, alive = pair
    await accept(dead, events.completed(), to=mail())
    delivery = await claim_one(dead, "email")
    await alive.submit(GONE)

    answers = [await dead.mark_sending(delivery), await dead.release(delivery)]

    assert answers == [False, False]
    assert len(await claim(alive, "email")) == 1


async def test_who_owns_the_partition_anew_takes_everything_over_at_once(pair: tuple[Store, Store]) -> None:
    for number in range(60):
        await accept(pair[0], events.completed(operationId=f"op-{number}"), to=mail())
    for store in pair:
        for delivery in (await store.claim("email", 30)).deliveries:
            await store.mark_sending(delivery)

    await pair[1].submit(Lapse(living=()))

    assert len((await pair[1].claim("email", 60)).deliveries) == 60


async def test_what_a_process_let_go_after_it_owned_the_partition_is_given_up(
    open_redis_store: Callable[..., Store],
) -> None:
    former, owner = open_redis_store(), open_redis_store()
    await former.prepare()
    for subject in ("op-1", "op-2"):
        await accept(former, events.completed(operationId=subject), to=mail(f"{subject}@example.com"))
    [failed] = (await former.claim("email", 1)).deliveries
    [held] = (await former.claim("email", 1)).deliveries
    for delivery in (failed, held):
        await former.mark_sending(delivery)
    await owner.prepare()
    await until(lambda: owner.partition.process in former.partition.living)
    await former.hand_over()
    await until(lambda: owner.partition.owns)

    former.let_go(failed)
    await former.release_gone()

    again: list[str] = []

    async def claimed() -> bool:
        again.extend(delivery.id for delivery in await claim(owner, "email"))
        return bool(again)

    await until(claimed)
    assert again == [failed.id]
