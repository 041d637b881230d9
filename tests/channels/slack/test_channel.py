"""The channel as a whole: its check, and its end."""

import asyncio

import pytest

from relay.channels.slack.channel import Slack
from relay.channels.slack.scopes import Demands
from relay_sandbox.standins.slack import Fault, SlackStandin
from tests.support.patience import patience
from tests.support.slack_channel import (
    Connect,
    notification,
)


class TestCheck:
    async def test_says_what_will_not_work_of_what_is_configured(self, channel: Slack, slack: SlackStandin) -> None:
        slack.scopes = "chat:write,users:read"
        await channel.check()

        again = "a message whose answer was lost is sent again, so it may come twice"
        unasked = "`relay check --live` cannot say whether the app may post in"
        named = f"and in those named with # {again}"
        assert channel.lacking(Demands(frozenset({"#a"}), names=frozenset({"analyst@example.com"}))) == {
            "channels:read": f"{unasked} public conversations, {named}",
            "groups:read": f"{unasked} private conversations, {named}",
            "channels:history": f"in public conversations {again}",
            "groups:history": f"in private conversations {again}",
            "users:read.email": "people are not called by e-mail address, and one under actions lets nobody press a"
            " button",
        }
        assert channel.lacking(Demands(frozenset({"D0PERSON01"}))) == {"im:history": f"to a person {again}"}


class TestClosing:
    @pytest.mark.slow
    async def test_closing_ends_lookups_that_still_run(self, connect: Connect, slack: SlackStandin) -> None:
        slack.outages["users.lookupByEmail"] = Fault(hang=True)
        channel = connect(deadline=patience(3.0))
        await channel.send(notification(mentions=("analyst@example.com",)))

        async with asyncio.timeout(patience(2.0)):  # before the look-up would have ended by itself
            await channel.aclose()

        assert len(slack.messages("#process-mining")) == 1
