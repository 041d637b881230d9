"""Who keeps whom out of the operators' listener: nobody, with forms that come slowly or with many connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from aiohttp import ClientSession, TCPConnector

from relay.receiving.admin import MAX_CONNECTIONS
from relay.receiving.guard import Guard
from relay.receiving.listeners import operators_guard
from relay.receiving.peers import Proxies
from relay.store import Store
from tests.support.clock import Clock
from tests.support.doors import USERS, Browser, Served, console, served
from tests.support.waiting import until

SLOW_LOGIN = (
    b"POST /console/login HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: same-origin\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 40\r\n\r\nname=ja"
)


@asynccontextmanager
async def slow_logins(here: Served, guard: Guard, peer: str, count: int) -> AsyncIterator[None]:
    """So many of this address that are being read, as far as they are let in."""
    address = urlsplit(here.url)
    writers = []
    for _ in range(count):
        _, writer = await asyncio.open_connection(address.hostname, address.port, local_addr=(peer, 0))
        writer.write(SLOW_LOGIN)
        writers.append(writer)
    await until(lambda: len(guard.connections) >= min(count, guard.most // 2))
    try:
        yield
    finally:
        for writer in writers:
            writer.transport.abort()


@asynccontextmanager
async def browser(here: Served, peer: str) -> AsyncIterator[Browser]:
    async with ClientSession(connector=TCPConnector(local_addr=(peer, 0))) as session:
        yield Browser(here.url, session)


async def test_one_address_keeps_nobody_else_out(store: Store, clock: Clock) -> None:
    guard = operators_guard(Proxies())
    async with (
        served(console(USERS), store, clock, guard=guard) as here,
        slow_logins(here, guard, "127.0.9.1", MAX_CONNECTIONS + 8),
        browser(here, "127.0.9.2") as other,
    ):
        assert (await other.log_in()).status == 303
        assert [(await other.get(path)).status for path in ("/healthz", "/metrics")] == [200, 200]
