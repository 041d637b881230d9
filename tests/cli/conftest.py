"""Fixtures of the commands' tests: a relay's surroundings, a configuration to change, commands to a running relay."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.asking import Commands
from tests.support.redis_server import RedisServer
from tests.support.stage import CONFIG, Stage, Surroundings, surroundings


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


@pytest.fixture
def cli(running_stage: Stage) -> Commands:
    return Commands(running_stage.around)
