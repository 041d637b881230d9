"""The embedded Redis gets half of what the machine, container or unit has, so that it refuses before it is killed."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from relay.memory import MIB, Memory, available, limiting
from relay.store.embedded.server import EmbeddedRedis

GIB = 1 << 30


@pytest.mark.parametrize(
    ("physical", "limits", "bytes_"),
    [(8 * GIB, ["max\n", f"{2 * GIB}\n"], 2 * GIB), (8 * GIB, [f"{2**63 - 4096}\n"], 8 * GIB), (64 << 20, [], 64 << 20),
     (0, ["nonsense"], 0)],
)  # fmt: skip
def test_the_least_that_is_given_counts(tmp_path: Path, physical: int, limits: list[str], bytes_: int) -> None:
    files = [tmp_path / f"{number}" for number in range(len(limits))]
    for file, text in zip(files, limits, strict=True):
        file.write_text(text)

    assert available(physical, (*files, tmp_path / "missing")) == bytes_


@pytest.mark.parametrize(
    ("membership", "limits", "bytes_"),
    [
        ("0::/system.slice/relay.service\n", {"system.slice/relay.service/memory.max": f"{GIB}\n"}, GIB),
        ("0::/system.slice/relay.service\n", {"system.slice/relay.service/memory.max": "max\n"}, 16 * GIB),
        (
            "0::/system.slice/relay.service\n",
            {"system.slice/relay.service/memory.max": f"{4 * GIB}\n", "system.slice/memory.max": f"{2 * GIB}\n"},
            2 * GIB,
        ),
        ("0::/\n", {"memory.max": f"{GIB}\n"}, GIB),
        ("0::/../elsewhere\n", {"memory.max": f"{GIB}\n"}, GIB),
        (
            "12:cpu,memory:/system.slice/relay.service\n1:name=systemd:/else\n0::/system.slice/relay.service\n",
            {"memory/system.slice/relay.service/memory.limit_in_bytes": f"{GIB}\n"},
            GIB,
        ),
        ("4:memory:/docker/0123\n", {"memory/memory.limit_in_bytes": f"{GIB}\n"}, GIB),
        ("0::/a:b\n", {"a:b/memory.max": f"{GIB}\n"}, GIB),
        ("nonsense\n\n:::\n0::\n", {"memory.max": f"{GIB}\n"}, GIB),
        (None, {"memory.max": f"{GIB}\n"}, GIB),
    ],
    ids=["a unit", "a unit without a limit", "its slice has less", "a container", "beside the container",
         "the first version", "a container of the first version", "a colon", "nonsense", "no such file"],
)  # fmt: skip
def test_the_least_limit_counts_of_the_groups_that_it_is_in(
    tmp_path: Path, membership: str | None, limits: dict[str, str], bytes_: int
) -> None:
    if membership is not None:
        (tmp_path / "membership").write_text(membership)
    for name, text in limits.items():
        file = tmp_path / "mount" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    assert available(16 * GIB, limiting(tmp_path / "membership", tmp_path / "mount")) == bytes_


@pytest.mark.parametrize("limit", [256 * MIB, 512 * MIB, GIB, 64 * GIB])
def test_the_shares_of_a_limit_are_within_it(limit: int) -> None:
    memory = Memory.shared(limit)

    assert memory.hot <= min(limit // 8, 64 * MIB)
    assert 160 * MIB + memory.hot + memory.bodies + memory.redis + memory.rewrite <= limit
    assert limit < 512 * MIB or (memory.operations >= 50_000 and memory.messages >= 15_000)


async def test_the_server_is_started_with_it(tmp_path: Path) -> None:
    async with EmbeddedRedis(tmp_path / "data") as server, Redis.from_url(server.url) as redis:
        assert (await redis.config_get("maxmemory"))["maxmemory"] == str(Memory.shared(available()).redis)
