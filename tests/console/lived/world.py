"""The whole of it: the past, then the present, before a Redis, a Slack and a mail server of its own."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from relay.config import OPERATOR, Role
from relay.console.access.login_flow import make_link
from relay.store.sessions import Sessions
from tests.console.lived.past import live_through
from tests.console.lived.present import decide, live_now
from tests.console.lived.settings import quiet_hours, written
from tests.support.redis_server import RedisServer
from tests.support.stage import Stage, running, surroundings


@dataclass
class Lived(Stage):
    """`admin_url` leads to its console."""

    async def link(self, name: str = "jana", role: Role = OPERATOR) -> str:
        """Return a link into it that somebody of this name has made."""
        return await make_link(Sessions(self.around.store), self.admin_url, role, name)


@asynccontextmanager
async def lived() -> AsyncIterator[Lived]:
    with RedisServer() as redis, TemporaryDirectory(prefix="lived-") as folder:
        path, now = written(Path(folder)), time.time()
        async with surroundings(redis.url, **quiet_hours(now)) as around:
            around.slack.workspace.url = (
                "https://acme.slack.com/"  # as its permalinks have it; it is served where it was
            )
            await live_through(around, path, now - 1.0)
            await decide(around, now)
            async with running(around, path, period=1.0) as relay:
                world = Lived(around, relay)
                await live_now(world)
                yield world
