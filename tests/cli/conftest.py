"""Fixtures of the commands' tests: a relay's surroundings, a relay that runs in them, a configuration to change."""

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, Stage, Surroundings, stage, surroundings


@pytest.fixture
async def around(redis_server: RedisServer) -> AsyncIterator[Surroundings]:
    async with surroundings(redis_server.url) as around:
        yield around


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration of one's own, to change."""
    return Path(shutil.copy(CONFIG, tmp_path / "relay.yaml"))


@pytest.fixture
def data_dir() -> Iterator[str]:
    """Short enough for the path of a socket, which pytest's own is not."""
    path = tempfile.mkdtemp(prefix="relay-", dir="/tmp")
    yield f"{path}/data"
    shutil.rmtree(path)


@pytest.fixture
async def running_stage(redis_server: RedisServer) -> AsyncIterator[Stage]:
    """A relay in this process, with all that it talks to."""
    async with stage(redis_server.url) as running:
        yield running
