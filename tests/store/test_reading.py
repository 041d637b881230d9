"""Many small reads at once: their answers in order, and a failure in our words."""

import pytest

from relay.errors import StoreUnavailable
from relay.store import Store
from relay.store.reading import STEP, read_all


async def test_each_command_has_its_answer_in_its_place(store: Store) -> None:
    count = 2 * STEP + 1
    await store.redis.hset("{relay}:numbers", mapping={f"{number}": number for number in range(count)})

    answers = await read_all(
        store.redis, "{relay}:numbers", [("HMGET", "{relay}:numbers", number, "none") for number in range(count)]
    )

    assert answers == [[b"%d" % number, None] for number in range(count)]


async def test_one_that_is_refused_fails_all(store: Store) -> None:
    await store.redis.set("{relay}:text", "1")

    with pytest.raises(StoreUnavailable, match="WRONGTYPE"):
        await read_all(store.redis, "{relay}:text", [("GET", "{relay}:text"), ("HGET", "{relay}:text", "field")])
