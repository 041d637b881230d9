"""Many small reads at once: their answers in order, and a failure in our words."""

import pytest

from relay.errors import StoreUnavailable
from relay.store import Store
from relay.store.reading import read_all


async def test_one_that_is_refused_fails_all(store: Store) -> None:
    await store.redis.set("{relay}:text", "1")

    with pytest.raises(StoreUnavailable, match="WRONGTYPE"):
        await read_all(store.redis, "{relay}:text", [("GET", "{relay}:text"), ("HGET", "{relay}:text", "field")])
