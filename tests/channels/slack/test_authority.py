"""People who may press buttons, by Slack's answers and for as long as these count."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from relay.channels.slack.authority import Authority, kind_of
from relay.channels.slack.channel import Slack
from relay.channels.slack.directory import AGAIN_AFTER, REMEMBERED_FOR
from relay.channels.slack.errors import SlackError
from relay.channels.slack.settings import SlackSettings
from relay.domain.links import Person, Presser
from relay_sandbox.standins.slack import Fault, SlackStandin
from tests.support.clock import Clock
from tests.support.patience import patience

ANALYST = Presser("U0ANALYST1")
JANA = Person("U0ANALYST1", "Jana Müller")
TEAM = ["@data-team"]


@pytest.fixture
async def slack(clock: Clock) -> AsyncIterator[SlackStandin]:
    async with SlackStandin(clock=clock) as standin:
        yield standin
        assert standin.violations == []


@pytest.fixture
async def channel(slack: SlackStandin, clock: Clock) -> AsyncIterator[Slack]:
    one = Slack(SlackSettings(token="xoxb-1-a", base_url=slack.base_url), clock=clock)
    yield one
    await one.aclose()


def leave(slack: SlackStandin) -> None:
    """The analyst is in the group no more."""
    groups = slack.workspace.groups
    groups["S0DATATEAM"] = replace(groups["S0DATATEAM"], users=())


@pytest.mark.parametrize(
    "names", [TEAM, ["data-team"], ["@Data-Team"], ["S0DATATEAM"], ["U0ANALYST1"], [" ANALYST@example.com "],
              ["everyone"], ["@nobody", "lead@example.com", "analyst@example.com"]]
)  # fmt: skip
async def test_whoever_is_named_may(names: list[str], channel: Slack) -> None:
    assert await channel.is_allowed(ANALYST, names) == JANA


@pytest.mark.parametrize("names", [[], ["@analyst"], ["analyst"], ["lead@example.com"], ["S0OPSTEAM1"], ["S0NOTHERE1"]])
async def test_whoever_is_not_may_not(names: list[str], channel: Slack) -> None:
    assert await channel.is_allowed(ANALYST, names) is None


async def test_what_slack_said_is_believed_for_minutes(channel: Slack, slack: SlackStandin, clock: Clock) -> None:
    assert await channel.is_allowed(ANALYST, TEAM) == JANA
    asked = len(slack.calls)
    leave(slack)

    clock.advance(REMEMBERED_FOR - 1)
    assert await channel.is_allowed(ANALYST, TEAM) == JANA
    assert len(slack.calls) == asked

    clock.advance(1)
    assert await channel.is_allowed(ANALYST, TEAM) is None


@pytest.mark.parametrize("method", ["usergroups.list", "usergroups.users.list", "users.info", "auth.test"])
async def test_a_failure_is_remembered_for_seconds_and_never_as_a_yes(
    method: str, channel: Slack, slack: SlackStandin, clock: Clock
) -> None:
    assert await channel.is_allowed(ANALYST, TEAM) == JANA
    asked = len(slack.called(method))
    slack.outages[method] = Fault(status=500)
    clock.advance(REMEMBERED_FOR)

    for _ in range(2):  # the second without asking again
        with pytest.raises(SlackError):
            await channel.is_allowed(ANALYST, TEAM)
    assert len(slack.called(method)) == asked + 1

    del slack.outages[method]
    clock.advance(AGAIN_AFTER)
    assert await channel.is_allowed(ANALYST, TEAM) == JANA


async def test_a_look_up_goes_on_for_the_next_press(channel: Slack, slack: SlackStandin, clock: Clock) -> None:
    asked, released = asyncio.Event(), asyncio.Event()

    async def slow(method: str, arguments: Mapping[str, str]) -> Mapping[str, Any]:
        asked.set()
        await released.wait()
        return await channel._client.call(method, arguments)

    authority = Authority(slow, clock=clock)
    press = asyncio.create_task(authority.find(ANALYST, TEAM))
    await asked.wait()
    press.cancel()  # it has waited long enough
    await asyncio.wait([press])
    released.set()

    await slack.wait_for(lambda: bool(slack.called("usergroups.list")), patience())
    assert await authority.find(ANALYST, TEAM) == JANA
    assert len(slack.called("usergroups.list")) == 1


async def test_a_handle_that_two_groups_have_is_nobodys(channel: Slack, slack: SlackStandin) -> None:
    groups = slack.workspace.groups
    groups["S0SECOND01"] = replace(groups["S0DATATEAM"], id="S0SECOND01")

    assert await channel.is_allowed(ANALYST, TEAM) is None


async def test_who_is_asked_for_in_vain_can_be_found_out(channel: Slack) -> None:
    names = ["@data-team", "@emea-ops", "@lead", "S0DATATEAM", "S0NOTHERE1", "lead@example.com", "nobody@example.com",
             "U0LEAD0001", "U0NOTHERE1", "everyone"]  # fmt: skip

    unknown = await channel.unknown_names(names)
    assert unknown == [
        "@emea-ops",
        "@lead",
        "S0NOTHERE1",
        "nobody@example.com",
        "U0NOTHERE1",
    ]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("everyone", "everyone"), ("U0123ABCD", "user"), ("W0123ABCD", "user"), ("S0123ABCD", "group"),
        ("a@example.com", "email"), ("@data-team", "handle"), ("data.team", "handle"), ("@qualität", "handle"),
        ("@everyone", ""), ("@here", ""), ("channel", ""), ("Jana Müller", ""), ("#ops", ""), ("<@U0123ABCD>", ""),
        ("", ""), ("@", ""), ("person:lead", ""), ("@data team", ""), ("https://example.com", ""),
    ],
)  # fmt: skip
def test_what_a_name_can_be(name: str, kind: str) -> None:
    assert kind_of(name) == kind
