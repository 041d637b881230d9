"""relay as it serves its console over what was filled in, and somebody who is logged in there."""

import asyncio
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.console import world
from benchmarks.console.filling import Size, fill
from benchmarks.speed.relays import Relay, relay
from relay.console.access.browser_sessions import NAME
from relay.console.access.identity import LINK
from relay.store import Store
from relay.store.sessions import Session, Sessions
from tests.support.redis_server import RedisServer

FILE = "dump.rdb"
OPTIONS: dict[str, Any] = {"hash_max_listpack_value": "128", "dbfilename": FILE}
DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Served:
    """`admin` is the port of the operators' listener, `port` where events come; `cookie` lets its bearer look."""

    relay: Relay
    port: int
    admin: int
    cookie: str
    redis: str


@contextmanager
def filled(size: Size, kept: Path | None = None) -> Iterator[RedisServer]:
    """A server with all of it. `kept`: a file of it, which is made where there is none, and read where there is one."""
    if kept and kept.exists():
        server = RedisServer(**OPTIONS)
        shutil.copy(kept, server.directory / FILE)
        with server:
            yield server
        return
    with RedisServer(**OPTIONS) as server:
        asyncio.run(fill(server.url, size))
        if kept:
            asyncio.run(_save(server.url))
            shutil.copy(server.directory / FILE, kept)
        yield server


@contextmanager
def served(server: RedisServer, directory: Path) -> Iterator[Served]:
    with relay(directory, world.settings(server.url)) as started:
        started.servers = (server.pid,)
        port = int(started.url.rpartition(":")[2])
        cookie = f"{NAME}={asyncio.run(_logged_in(server.url))}"
        yield Served(started, port, port + 1, cookie, server.url)


async def _logged_in(url: str) -> str:
    """The id of a session of somebody who may act, so that pages show their buttons."""
    async with aclosing(Store.open(url, worker="benchmark")) as store:
        id_ = secrets.token_urlsafe(32)
        await Sessions(store).keep(id_, Session("benchmark", LINK, time.time(), role="operator"), DAY)
        return id_


async def _save(url: str) -> None:
    async with aclosing(Store.open(url, worker="benchmark")) as store:
        await store.redis.save()
