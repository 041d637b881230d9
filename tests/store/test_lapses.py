"""What a process that is gone held is handed out again, and what it sent is not forgotten."""

from collections.abc import Callable

import pytest

from relay.store import Store
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import accept, claim
from tests.support.targets import mail
from tests.support.waiting import until


async def test_what_a_process_let_go_after_it_owned_the_partition_is_given_up(
    open_redis_store: Callable[..., Store], clock: Clock
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
        clock.advance(1)
        again.extend(delivery.id for delivery in await claim(owner, "email"))
        return bool(again)

    await until(claimed)
    assert again == [failed.id]


@pytest.mark.parametrize("gone", [False, True])
async def test_a_call_of_another_process_of_the_same_host_name_is_repeated_once_that_is_known_to_be_gone(
    open_redis_store: Callable[..., Store], clock: Clock, *, gone: bool
) -> None:
    former = open_redis_store(process="one-host-999999999")  # a PID that nothing has in this namespace
    heir = open_redis_store(process="one-host-1", **({"is_gone": lambda _process: True} if gone else {}))
    await former.prepare()
    await accept(former, events.completed(), to=mail("a@example.com"))
    [called] = (await former.claim("email", 1)).deliveries
    await former.mark_sending(called, 600)
    await former.aclose()
    await heir.prepare()
    await until(lambda: heir.partition.owns)

    await heir.release_gone()
    await heir.release_gone()
    clock.advance(1)

    assert [delivery.id for delivery in await claim(heir, "email")] == [called.id] * gone
