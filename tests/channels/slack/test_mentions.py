"""Mentions in messages; a failed look-up costs no message."""

import asyncio

import pytest

from relay.channels.slack.channel import Slack
from relay_sandbox.standins.slack import Fault, SlackStandin, User
from tests.channels.slack_channel import (
    CONTENT,
    Connect,
    notification,
    posted,
)
from tests.support.clock import Clock
from tests.support.patience import patience


class TestMentions:
    @pytest.mark.parametrize(
        ("written", "read"),
        [
            ("@analyst", "<@U0ANALYST1>"),
            ("analyst", "<@U0ANALYST1>"),
            ("@Analyst", "<@U0ANALYST1>"),
            ("analyst@example.com", "<@U0ANALYST1>"),
            ("ANALYST@example.com", "<@U0ANALYST1>"),
            ("@data-team", "<!subteam^S0DATATEAM>"),
            ("U0123ABCD", "<@U0123ABCD>"),
            ("W0123ABCD", "<@W0123ABCD>"),
            ("S0123ABCD", "<!subteam^S0123ABCD>"),
            ("@here", "<!here>"),
            ("@channel", "<!channel>"),
        ],
    )
    async def test_who_is_written_is_called(self, written: str, read: str, channel: Slack, slack: SlackStandin) -> None:
        message = await posted(channel, slack, mentions=(written,))

        assert message.text == f"{CONTENT['text']} {read}"
        assert message.blocks[0]["text"]["text"] == f"{read} 🔴 *Failed* · Order-to-Cash Q3 EMEA"
        assert message.blocks[1:] == CONTENT["blocks"][1:]

    @pytest.mark.parametrize(
        ("written", "shown"),
        [
            ("@nobody", "@nobody"),
            ("nobody@example.com", "nobody@example.com"),
            ("@former", "@former"),
            ("<!channel>", "&lt;!channel&gt;"),
            ("<!subteam^S0123ABCD>", "&lt;!subteam^S0123ABCD&gt;"),
            ("@everyone", "@everyone"),
            ("SUPPORT", "SUPPORT"),
        ],
    )
    async def test_who_is_not_found_is_named_and_not_called(
        self, written: str, shown: str, channel: Slack, slack: SlackStandin
    ) -> None:
        message = await posted(channel, slack, mentions=(written,))

        assert message.text == f"{CONTENT['text']} {shown}"

    async def test_an_ambiguous_display_name_calls_nobody(self, clock: Clock, connect: Connect) -> None:
        twins = (User("U0000001", "sam"), User("U0000002", "SAM"))
        async with SlackStandin(users=twins) as slack:
            message = await posted(connect(base_url=slack.base_url), slack, mentions=("@sam",))

        assert message.text.endswith(" @sam")

    async def test_an_address_nobody_has_is_looked_up_once_a_day(
        self, channel: Slack, slack: SlackStandin, clock: Clock
    ) -> None:
        for seconds in (0, 86_399, 2):
            clock.advance(seconds)
            await channel.send(notification(mentions=("nobody@example.com",)))

        assert len(slack.called("users.lookupByEmail")) == 2

    async def test_a_lookup_that_failed_is_repeated_after_five_minutes(
        self, channel: Slack, slack: SlackStandin, clock: Clock
    ) -> None:
        slack.script("users.lookupByEmail", Fault(error="missing_scope", extra={"needed": "users:read.email"}))

        texts = []
        for seconds in (0, 299, 2):
            clock.advance(seconds)
            texts.append((await posted(channel, slack, mentions=("analyst@example.com",))).text.split()[-1])

        assert texts == ["analyst@example.com", "analyst@example.com", "<@U0ANALYST1>"]

    @pytest.mark.slow
    async def test_a_lookup_that_hangs_delays_no_message_for_long(self, connect: Connect, slack: SlackStandin) -> None:
        slack.outages["users.lookupByEmail"] = Fault(hang=True)
        channel = connect(deadline=patience(3.0))

        async with asyncio.timeout(patience(2.0)):
            message = await posted(channel, slack, mentions=("analyst@example.com",))

            assert message.text.endswith(" analyst@example.com")
            await channel.aclose()  # before the look-up would have ended by itself

    @pytest.mark.slow
    async def test_closing_ends_lookups_that_still_run(self, connect: Connect, slack: SlackStandin) -> None:
        slack.outages["users.lookupByEmail"] = Fault(hang=True)
        channel = connect(deadline=patience(3.0))
        await channel.send(notification(mentions=("analyst@example.com",)))

        async with asyncio.timeout(patience(2.0)):  # before the look-up would have ended by itself
            await channel.aclose()

        assert len(slack.messages("#process-mining")) == 1
