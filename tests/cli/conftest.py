"""Fixtures of the commands' tests: a relay's surroundings, a configuration to change."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, Surroundings, surroundings


@pytest.fixture
async def around(redis_server: RedisServer) -> AsyncIterator[Surroundings]:
    async with surroundings(redis_server.url) as around:
        yield around


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration of one's own, to change."""
    return Path(shutil.copy(CONFIG, tmp_path / "relay.yaml"))


@pytest.fixture
def data_dir(home: Path) -> str:
    return f"{home}/data"
