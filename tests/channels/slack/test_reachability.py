"""Obstacles to posting, found without posting, in the words of the refusals at run time."""

import pytest

from relay.channels.slack.channel import Slack
from relay.errors import DeliveryError
from relay_sandbox.standins.slack import Conversation, Fault, SlackStandin
from tests.channels.slack_channel import failing

CONVERSATIONS = {
    "#open": Conversation("C0OPEN0001", "open"),
    "#uninvited": Conversation("C0UNINV001", "uninvited", joined=False),
    "#hidden": Conversation("C0HIDDEN01", "hidden", private=True),
    "#secret": Conversation("C0SECRET01", "secret", joined=False, private=True),
    "#old": Conversation("C0OLD00001", "old", archived=True),
    "#news": Conversation("C0NEWS0001", "news", read_only=True),
}
INVITED_ONLY = "chat:write,channels:read,groups:read"
OBSTACLES = {
    "#uninvited": "not_in_channel: type /invite @relay in #uninvited",
    "#secret": "channel_not_found: check its name; if it is private, type /invite @relay in it, ",
    "#opne": "channel_not_found: check its name; ",
    "#old": "is_archived: unarchive it, or name another",
    "#news": "restricted_action: who may post there is restricted",
}


@pytest.fixture
def workspace(slack: SlackStandin) -> SlackStandin:
    slack.workspace.conversations = {conversation.id: conversation for conversation in CONVERSATIONS.values()}
    slack.workspace.fixed = True
    slack.scopes = INVITED_ONLY
    return slack


async def test_each_conversation_has_its_obstacle_and_what_to_type(channel: Slack, workspace: SlackStandin) -> None:
    await channel.check()

    reach = await channel.reach([*CONVERSATIONS, "#opne", "U0ANALYST1"])

    assert {name for name, obstacle in reach.items() if obstacle != ""} == OBSTACLES.keys()
    assert not [name for name, text in OBSTACLES.items() if not (reach[name] or "").startswith(text)]
    assert (reach["#opne"] or "").endswith("; did you mean #open?")
    assert not workspace.called("chat.postMessage")


@pytest.mark.parametrize("name", OBSTACLES)
async def test_a_message_that_is_refused_says_the_same(name: str, channel: Slack, workspace: SlackStandin) -> None:
    await channel.check()
    beforehand = ((await channel.reach([name]))[name] or "?").partition("; did you mean")[0]

    error = await failing(channel, address=name)

    assert beforehand in str(error)
    assert error.pause == "destination"


async def test_an_app_that_may_not_post_is_refused(channel: Slack, slack: SlackStandin) -> None:
    slack.scopes = "users:read"

    with pytest.raises(DeliveryError, match=r"add the scope chat:write in Slack under OAuth & Permissions"):
        await channel.check()


async def test_an_app_that_may_post_uninvited_needs_no_invitation_in_public(
    channel: Slack, workspace: SlackStandin
) -> None:
    workspace.scopes += ",chat:write.public"
    await channel.check()

    reach = await channel.reach(["#uninvited", "#secret"])

    assert [name for name, obstacle in reach.items() if obstacle != ""] == ["#secret"]


@pytest.mark.parametrize(
    ("scopes", "unknown"),
    [
        ("chat:write", {"#open", "#hidden", "C0OPEN0001"}),
        ("chat:write,channels:read", {"#hidden"}),
        ("chat:write,groups:read", {"#open", "C0OPEN0001"}),
    ],
)
async def test_what_it_may_not_ask_about_it_does_not_know(
    scopes: str, unknown: set[str], channel: Slack, workspace: SlackStandin
) -> None:
    workspace.scopes = scopes
    await channel.check()

    names = ["#open", "#hidden", "C0OPEN0001"]
    assert await channel.reach(names) == {name: None if name in unknown else "" for name in names}


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("invalid_auth", "check channels.slack.token, which is none of this Slack: copy the one under Slack, OAuth"),
        ("account_inactive", "its app was removed from the workspace"),
        ("token_revoked", "which was revoked"),
        ("not_allowed_token_type", "has to be the app's bot token, xoxb-"),
        ("missing_scope", "add the scope in Slack under OAuth & Permissions, Scopes"),
    ],
)
async def test_what_is_wrong_with_the_token_says_where_the_right_one_is(
    code: str, says: str, channel: Slack, slack: SlackStandin
) -> None:
    slack.outages["auth.test"] = Fault(error=code)

    with pytest.raises(DeliveryError, match=r"auth\.test with") as caught:
        await channel.check()

    assert says in str(caught.value)
    assert caught.value.pause == "channel"
