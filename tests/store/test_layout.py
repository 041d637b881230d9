"""Data of another release is refused before anything is written to it."""

from collections.abc import Callable

import pytest

from relay.errors import ConfigError
from relay.store import Store, keys


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (("HSET", "sealed", "0a1b2c3d", 1700000000), "the data is encrypted by redis.encryption_key"),
        (("SET", "schema", "2"), "the data is of layout 2"),
        (("HSET", "waiting", "1-1", "entry"), "entries wait for a value that cannot be read"),
    ],
)
async def test_data_of_another_release_is_refused_with_the_way_to_drain_it(
    open_redis_store: Callable[..., Store], prepare: tuple[str | int, ...], reason: str
) -> None:
    store = open_redis_store()
    verb, name, *rest = prepare
    await store.redis.execute_command(verb, f"{keys.PREFIX}{name}", *rest)
    before = await store.redis.keys()

    with pytest.raises(ConfigError, match=rf"redis: {reason}.* the release that wrote"):
        await store.prepare()

    assert await store.redis.keys() == before
