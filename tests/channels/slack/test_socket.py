"""Socket Mode's connection: acknowledged is what was taken, and whatever ends it, there is another one."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from relay.channels.slack.channel import Slack
from relay.channels.slack.client import Client
from relay.channels.slack.settings import SlackSettings
from relay.channels.slack.socket import Socket
from relay.errors import DeliveryError
from relay_sandbox.standins.slack import Fault, SlackStandin
from relay_sandbox.standins.slack_sockets import Sockets
from tests.channels.slack_channel import TOKEN
from tests.support.patience import patience
from tests.support.waiting import until

APP_TOKEN = "xapp-1-A0STANDIN1-SECRET"
PRESS = {"type": "block_actions", "actions": []}


@dataclass
class Taking:
    """Receiver of presses."""

    durable: bool = True
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    payloads: list[Mapping[str, Any]] = field(default_factory=list)

    async def take(self, payload: Mapping[str, Any]) -> bool:
        self.payloads.append(payload)
        await self.gate.wait()
        return self.durable


@pytest.fixture
def sockets(slack: SlackStandin) -> Sockets:
    return slack.interact_by_sockets(APP_TOKEN)


@pytest.fixture
def taking() -> Taking:
    taking = Taking()
    taking.gate.set()
    return taking


@asynccontextmanager
async def opened(slack: SlackStandin, taking: Taking, token: str = APP_TOKEN) -> AsyncIterator[Socket]:
    client = Client(token, slack.base_url, deadline=patience(5.0))
    socket = Socket(client, "", taking.take, ping=patience(0.5), pause=0.05, secure=False)
    running = asyncio.create_task(socket.run())
    try:
        yield socket
    finally:
        await socket.aclose(patience(2.0))
        running.cancel()
        await asyncio.wait([running])


async def test_what_was_taken_is_acknowledged(slack: SlackStandin, sockets: Sockets, taking: Taking) -> None:
    async with opened(slack, taking) as socket:
        await until(lambda: socket.connected)

        assert await sockets.press(PRESS, patience())

    assert (taking.payloads, sockets.unacknowledged, sockets.faults) == ([PRESS], {}, [])


async def test_what_was_not_taken_comes_again(slack: SlackStandin, sockets: Sockets, taking: Taking) -> None:
    taking.durable = False
    async with opened(slack, taking) as socket:
        await until(lambda: socket.connected)
        assert not await sockets.press(PRESS, 0.2)

        taking.durable = True

        assert await sockets.deliver_again(patience()) == [True]
    assert taking.payloads == [PRESS, PRESS]


@pytest.mark.parametrize("reason", ["refresh_requested", "warning", "link_disabled"])
async def test_slack_asks_for_another_connection_and_what_is_under_way_is_acknowledged(
    reason: str, slack: SlackStandin, sockets: Sockets, taking: Taking
) -> None:
    taking.gate.clear()
    async with opened(slack, taking) as socket:
        await until(lambda: socket.connected)
        press = asyncio.create_task(sockets.press(PRESS, patience()))
        await until(lambda: taking.payloads)

        await sockets.disconnect(reason)
        await until(lambda: sockets.opened == 2)
        taking.gate.set()

        assert await press
        await until(lambda: sockets.connected == 1 and socket.connected)
        assert await sockets.press(PRESS, patience())


async def test_those_that_end_as_soon_as_they_are_there_are_replaced_ever_later(
    slack: SlackStandin, sockets: Sockets, taking: Taking
) -> None:
    async with opened(slack, taking) as socket:

        def stands(number: int) -> bool:
            return socket.connected and sockets.opened == number

        for number in range(1, 5):
            await until(partial(stands, number))
            await sockets.aclose()

        await until(partial(stands, 5))
        assert await sockets.press(PRESS, patience())

    times = [call.at for call in slack.calls if call.method == "apps.connections.open"]
    pauses = [second - first for first, second in pairwise(times)]
    assert all(pause >= least for pause, least in zip(pauses, (0.05, 0.1, 0.2, 0.4), strict=True)), pauses


async def test_a_wrong_token_is_said_once_without_showing_it_and_tried_again(
    slack: SlackStandin, sockets: Sockets, taking: Taking
) -> None:
    with capture_logs() as lines:
        async with opened(slack, taking, token="xapp-of-another-app") as socket:
            await until(lambda: len(slack.called("apps.connections.open")) > 2)
            assert not socket.connected

    assert "invalid_auth: channels.slack.app_token has to be an app-level token of the same app" in socket.trouble
    assert [line["event"] for line in lines] == ["socket.disconnected"]
    assert "xapp-of-another-app" not in repr(lines)


async def test_slack_says_when_to_ask_again(slack: SlackStandin, sockets: Sockets, taking: Taking) -> None:
    fault = Fault(status=429, error="ratelimited", headers={"Retry-After": "1"})
    slack.script("apps.connections.open", fault)
    async with opened(slack, taking) as socket:
        await until(lambda: socket.connected)

    first, second = (call.at for call in slack.calls if call.method == "apps.connections.open")
    assert second - first >= 1.0


@pytest.mark.parametrize("url", [None, 7, "https://example.com/", "ftp://x/", "ws://"])
async def test_an_address_that_is_none_is_not_connected_to(
    url: object, slack: SlackStandin, sockets: Sockets, taking: Taking
) -> None:
    slack.script("apps.connections.open", Fault(extra={"url": url}))
    async with opened(slack, taking) as socket:
        await until(lambda: socket.connected)

    assert len(slack.called("apps.connections.open")) == 2


async def test_the_end_waits_for_what_is_being_taken_and_takes_nothing_more(
    slack: SlackStandin, sockets: Sockets, taking: Taking
) -> None:
    taking.gate.clear()
    async with opened(slack, taking) as socket:
        await until(lambda: socket.connected)
        press = asyncio.create_task(sockets.press(PRESS, patience()))
        await until(lambda: taking.payloads)
        closing = asyncio.create_task(socket.aclose(patience()))
        await asyncio.sleep(0)
        later = asyncio.create_task(sockets.press(PRESS, 0.3))
        assert not await later

        taking.gate.set()

        assert await press
        await closing
    assert (len(taking.payloads), sockets.connected) == (1, 0)


@pytest.mark.parametrize(("app_token", "refused"), [(APP_TOKEN, False), ("xapp-of-another-app", True)])
async def test_check_asks_whether_a_socket_may_be_opened_and_opens_none(
    app_token: str, refused: bool, slack: SlackStandin, sockets: Sockets
) -> None:
    settings = SlackSettings.model_validate(
        {"token": TOKEN, "base_url": slack.base_url, "interactivity": "socket", "app_token": app_token}
    )
    channel = Slack(settings)
    try:
        if refused:
            with pytest.raises(DeliveryError, match=r"channels\.slack\.app_token has to be an app-level token"):
                await channel.check()
        else:
            assert await channel.check() == "relay in Example; presses come by a socket"
    finally:
        await channel.aclose()

    assert sockets.opened == 0
