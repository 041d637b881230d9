"""The embedded Redis gets half of what the machine or its container has, so that it refuses before it is killed."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from relay.store.embedded.memory import LEAST, maxmemory
from relay.store.embedded.server import EmbeddedRedis

GIB = 1 << 30


@pytest.mark.parametrize(
    ("physical", "limits", "bytes_"),
    [
        (8 * GIB, [], 4 * GIB),
        (8 * GIB, ["max\n"], 4 * GIB),
        (8 * GIB, [f"{GIB}\n"], GIB // 2),
        (8 * GIB, ["max\n", f"{2 * GIB}\n"], GIB),
        (8 * GIB, [f"{2**63 - 4096}\n"], 4 * GIB),
        (64 << 20, [], LEAST),
        (0, ["nonsense"], 0),
    ],
)
def test_it_is_half_of_the_least_that_is_given(tmp_path: Path, physical: int, limits: list[str], bytes_: int) -> None:
    files = [tmp_path / f"{number}" for number in range(len(limits))]
    for file, text in zip(files, limits, strict=True):
        file.write_text(text)

    assert maxmemory(physical, (*files, tmp_path / "missing")) == bytes_


async def test_the_server_is_started_with_it(tmp_path: Path) -> None:
    async with EmbeddedRedis(tmp_path / "data") as server, Redis.from_url(server.url) as redis:
        assert (await redis.config_get("maxmemory"))["maxmemory"] == str(maxmemory())
