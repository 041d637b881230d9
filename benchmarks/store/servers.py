"""A Redis of its own for each figure, and a store on it whose time stands still until an operation moves it."""

import platform
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from relay.store import Store
from relay.store.client import connect
from tests.support.clock import Clock
from tests.support.redis_server import RedisServer

# As relay's own server has it (relay/store/embedded/server.py). The log is never written anew meanwhile: what it grew
# by is what the events cost.
OPTIONS = {"appendonly": "yes", "aof_use_rdb_preamble": "no", "auto_aof_rewrite_percentage": "0"}
SMALL = {"hash_max_listpack_value": "128"}


def logged(binary: Path | None, fsync: str) -> RedisServer:
    return RedisServer(binary, appendfsync=fsync, **OPTIONS, **SMALL)


@asynccontextmanager
async def opened(server: RedisServer) -> AsyncIterator[tuple[Store, Clock]]:
    clock = Clock()
    store = Store.open(server.url, worker="benchmark", clock=clock)
    try:
        await store.prepare()
        yield store, clock
    finally:
        await store.aclose()


async def versions(binary: Path | None) -> str:
    """The server and the Python that the figures are of."""
    with RedisServer(binary) as server:
        redis = connect(server.url)
        info = await redis.info("server")
        await redis.aclose()
    name = str(info.get("server_name", "redis")).capitalize()
    return f"{name} {info.get('valkey_version', info['redis_version'])}, Python {platform.python_version()}"
