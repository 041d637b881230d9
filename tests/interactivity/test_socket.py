"""Buttons by Socket Mode, in a whole relay: the same checks as by HTTP, acknowledged once durable, without a port."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from relay import metrics
from relay.app import Relay
from relay.interactivity.socket import CHECK, PressSocket
from relay.rendering.translations import TAKEN
from relay_sandbox.standins.slack_sockets import Sockets
from tests.interactivity.pressing import ANALYST, CANCEL, CONFIG, LEAD, Scene, place
from tests.support.audit import acts_of
from tests.support.patience import patience
from tests.support.redis_server import RedisServer
from tests.support.stage import running
from tests.support.waiting import until

APP_TOKEN = "xapp-1-A0STANDIN1-SECRET"


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """To be paused."""
    with RedisServer() as server:
        yield server


@asynccontextmanager
async def scene(redis: RedisServer) -> AsyncIterator[tuple[Scene, Sockets]]:
    """A relay whose presses come by a socket."""
    async with place(redis, STAGE_BUTTONS="socket", STAGE_APP_TOKEN=APP_TOKEN) as one:
        sockets = one.around.slack.interact_by_sockets(APP_TOKEN)
        async with running(one.around, CONFIG) as one.relay:
            yield one, sockets
        assert (sockets.connected, sockets.faults) == (0, [])


async def checks(relay: Relay) -> dict[str, str]:
    host, port = relay.admin_addresses[0]
    async with aiohttp.ClientSession() as session, session.get(f"http://{host}:{port}/readyz?verbose") as answer:
        assert (await answer.json())["ready"]
        found: dict[str, str] = (await answer.json())["checks"]
        return found


async def test_a_press_reaches_the_platform_with_the_checks_and_the_trail_of_one_by_http(
    redis_server: RedisServer,
) -> None:
    async with scene(redis_server) as (stage, sockets):
        await stage.tell("operation.started")
        await stage.root()
        await until(lambda: sockets.connected)
        assert await stage.press("cancel", "U0STRANGER") == 200
        assert await stage.press("cancel") == 200
        [reply] = await stage.replies(1)
        assert reply == "@analyst cancelled the run: the platform is ending it."
        assert await stage.whispers(1) == [(ANALYST, TAKEN)]  # a stranger's cannot arrive
        [act] = [act for act in await acts_of(stage.around.store.redis) if act.action.startswith("press")]
        assert (act.action, act.outcome) == ("press cancel", "accepted")
        assert sockets.unacknowledged == {}
        assert metrics.slack_socket_connected._value.get() == 1
    assert metrics.slack_socket_connected._value.get() == 0


@pytest.mark.slow
async def test_a_press_that_cannot_be_made_durable_is_not_acknowledged_and_comes_again(
    own_redis: RedisServer,
) -> None:
    async with scene(own_redis) as (stage, sockets):
        await stage.tell("operation.started")
        await stage.root()
        await until(lambda: sockets.connected)
        own_redis.pause()
        assert await stage.press("cancel") == 0
        assert len(sockets.unacknowledged) == 1
        own_redis.resume()

        async def acknowledged() -> bool:
            return all(await sockets.deliver_again())

        await until(acknowledged)
        assert len(await stage.replies(1)) == 1
        assert len(stage.asked(CANCEL)) == 1


async def test_readyz_says_why_there_is_no_connection_and_relay_is_ready_all_the_same(
    redis_server: RedisServer,
) -> None:
    async with scene(redis_server) as (stage, sockets):
        await until(lambda: sockets.connected)
        assert stage.relay
        relay = stage.relay

        async def mentioned() -> str:
            return (await checks(relay)).get(CHECK, "")

        async def silent() -> bool:
            return not await mentioned()

        await until(silent)
        stage.around.slack.interact_by_sockets("xapp-of-another-app")
        sockets.drop()
        text = await until(mentioned)
        assert text.startswith("buttons do nothing: ")

        async def explained() -> bool:
            return "channels.slack.app_token has to be an app-level token" in await mentioned()

        await until(explained)


# What a reload changes


class Connection:
    def __init__(self, events: list[str], name: str) -> None:
        self._events, self._name = events, name
        self.trouble, self.connected = "", True

    async def run(self) -> None:
        self._events.append(f"{self._name} runs")
        await asyncio.Event().wait()

    async def aclose(self, grace: float) -> None:
        self._events.append(f"{self._name} ends")


class Channel:
    def __init__(self, events: list[str], name: str) -> None:
        self._events, self._name = events, name

    def socket(self, take: Any) -> Connection:
        return Connection(self._events, self._name)


async def test_a_reload_opens_replaces_keeps_and_ends_the_connection() -> None:
    events: list[str] = []
    first, second = Channel(events, "first"), Channel(events, "second")
    now: list[Channel | None] = [None]

    async def take(payload: Any) -> bool:
        return True

    socket = PressSocket(lambda: now[0], take)
    for channel, count in ((None, 0), (first, 1), (first, 1), (second, 3), (None, 4)):
        now[0] = channel
        socket.renew()
        await until(lambda count=count: len(events) == count)
    now[0] = first
    socket.renew()
    await until(lambda: len(events) == 5)
    await socket.aclose(patience())

    assert sorted(events[1:3]) == ["first ends", "second runs"]
    assert events[3:] == ["second ends", "first runs", "first ends"]
    assert socket.notices() == {}
    assert LEAD not in events
