"""Authority over Cancel: without it the platform is not called, whatever Slack says or does not say."""

from dataclasses import replace
from typing import Any

import pytest

from relay.rendering.translations import FORBIDDEN, SLOW, TAKEN
from relay_sandbox.standins.slack import Fault, Group, User
from tests.interactivity.pressing import ANALYST, CANCEL, LEAD, Scene, scene
from tests.support.redis_server import RedisServer

# tests/data/buttons.yaml: cancel: ["@data-team", lead@example.com]; the analyst is in that group.
EVIL = User("U0EVIL0001", "evil", "evil@example.com", "Evil", display_name="Data-Team")
SCOPE_MISSING = Fault(error="missing_scope", extra={"needed": "usergroups:read"})
THROTTLED = Fault(status=429, error="ratelimited", headers={"Retry-After": "30"})


async def running(one: Scene, *users: User) -> None:
    """A run with a Cancel button, in a workspace with these people too."""
    for user in users:
        one.around.slack.workspace.users[user.id] = user
    await one.tell("operation.started")
    await one.root(text="Started")


async def answers(one: Scene, *users: str) -> list[str]:
    """Return the notices to these users, who press Cancel one after the other."""
    heard = len(one.around.slack.workspace.whispers)
    for count, user in enumerate(users, start=1):
        assert await one.press("cancel", user) == 200
        assert (await one.whispers(heard + count))[-1][0] == user
    await one.around.settled()
    return [text for _, text in (await one.whispers(heard))[heard:]]


# A display name gives nobody a right


@pytest.mark.parametrize("fault", [SCOPE_MISSING, THROTTLED, Fault(body=b'{"ok": true}')])
async def test_while_slack_does_not_name_the_groups_nobody_may_and_no_person_is_asked_about(
    fault: Fault, redis_server: RedisServer
) -> None:
    guest = replace(EVIL, restricted=True, stranger=True)
    async with scene(redis_server) as one:
        await running(one, guest)
        one.around.slack.outages["usergroups.list"] = fault
        assert await answers(one, guest.id, ANALYST, LEAD) == [SLOW] * 3
        assert one.asked(CANCEL) == []
        asked = {call.method for call in one.around.slack.calls}
        assert not asked & {"users.list", "users.info", "users.lookupByEmail"}


async def test_a_handle_that_was_renamed_names_nobody(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        evil = replace(EVIL, name="data-team")  # the user's name too
        await running(one, evil)
        one.around.slack.workspace.groups["S0DATATEAM"] = Group("S0DATATEAM", "data-people", "Data", (evil.id, ANALYST))
        assert await answers(one, evil.id, ANALYST) == [FORBIDDEN] * 2
        assert one.asked(CANCEL) == []
        assert await answers(one, LEAD) == [TAKEN]  # who is named otherwise still may


# Full members of relay's own workspace alone

OTHERS: dict[str, dict[str, Any]] = {
    "guest": {"restricted": True},
    "stranger": {"stranger": True}, "of another workspace": {"team": "T0OTHER001"}, "bot": {"bot": True},
    "deleted": {"deleted": True}, "of another workspace of the organisation": {"team": "E0X", "teams": ("T0OTHER001",)},
}  # fmt: skip


async def test_no_guest_stranger_bot_or_deleted_user_may_although_the_group_has_them(redis_server: RedisServer) -> None:
    others = [User(f"U0OTHER{n:03}", f"other-{n}", **flags) for n, flags in enumerate(OTHERS.values())]
    others.append(User("USLACKBOT", "slackbot"))  # a bot that does not say so
    ids = [other.id for other in others]
    async with scene(redis_server) as one:
        await running(one, *others)
        groups = one.around.slack.workspace.groups
        groups["S0DATATEAM"] = replace(groups["S0DATATEAM"], users=(*ids, ANALYST))
        assert await answers(one, *ids) == [FORBIDDEN] * len(ids)
        assert one.asked(CANCEL) == []
        assert await answers(one, ANALYST) == [TAKEN]


async def test_an_address_or_everyone_lets_no_outsider_in(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        await running(one, User(LEAD, "lead", "lead@example.com", "Tom Becker", restricted=True))
        assert await answers(one, LEAD) == [FORBIDDEN]
        assert await one.press("mute", LEAD) == 200  # everyone may, of the workspace
        assert (await one.whispers(2))[1] == (LEAD, FORBIDDEN)
        assert one.asked(CANCEL) == []


@pytest.mark.parametrize(("place", "app"), [("T0OTHER001", ""), ("", "A0OTHER001")])
async def test_a_press_in_another_workspace_or_of_another_app_does_nothing(
    place: str, app: str, redis_server: RedisServer
) -> None:
    async with scene(redis_server) as one:
        await running(one)
        slack = one.around.slack
        slack.pressed_in, slack.pressed_app = place, app or slack.pressed_app
        assert await answers(one, ANALYST) == [FORBIDDEN]
        assert one.asked(CANCEL) == []
