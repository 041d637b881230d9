"""A Slack that runs here, and channels that post to it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from relay.channels.slack.channel import Slack
from relay.channels.slack.settings import SlackSettings
from relay_sandbox.standins.slack import SlackStandin
from tests.channels.slack_channel import TOKEN, Connect
from tests.support.clock import Clock


@pytest.fixture
async def slack() -> AsyncIterator[SlackStandin]:
    async with SlackStandin(token=TOKEN) as standin:
        yield standin


@pytest.fixture
async def connect(slack: SlackStandin, clock: Clock) -> AsyncIterator[Connect]:
    """Makes channels to the stand-in, or to wherever `base_url` says, and closes them."""
    made: list[Slack] = []

    def one(*, deadline: float = 10.0, **settings: Any) -> Slack:
        made.append(
            Slack(
                SlackSettings(**{"token": TOKEN, "base_url": slack.base_url} | settings), clock=clock, deadline=deadline
            )
        )
        return made[-1]

    yield one
    for channel in made:
        await channel.aclose()


@pytest.fixture
def channel(connect: Connect) -> Slack:
    return connect()
