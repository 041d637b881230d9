"""Authority over Cancel: without it the platform is not called, whatever Slack says or does not say."""

from dataclasses import replace
from typing import Any

import pytest

from relay.rendering.translations import FORBIDDEN, SLOW, TAKEN
from relay_sandbox.standins.slack import Fault, Group, User
from tests.interactivity.pressing import ANALYST, CANCEL, LEAD, Scene

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


async def notices(one: Scene, *users: str) -> list[str]:
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
    one: Scene, fault: Fault
) -> None:
    guest = replace(EVIL, restricted=True, stranger=True)
    await running(one, guest)
    one.around.slack.outages["usergroups.list"] = fault
    assert await notices(one, guest.id, ANALYST, LEAD) == [SLOW] * 3
    assert one.asked(CANCEL) == []
    asked = {call.method for call in one.around.slack.calls}
    assert not asked & {"users.list", "users.info", "users.lookupByEmail"}


async def test_a_handle_that_was_renamed_names_nobody(one: Scene) -> None:
    evil = replace(EVIL, name="data-team")  # the user's name too
    await running(one, evil)
    one.around.slack.workspace.groups["S0DATATEAM"] = Group("S0DATATEAM", "data-people", "Data", (evil.id, ANALYST))
    assert await notices(one, evil.id, ANALYST) == [FORBIDDEN] * 2
    assert one.asked(CANCEL) == []
    assert await notices(one, LEAD) == [TAKEN]  # who is named otherwise still may


# Full members of relay's own workspace alone

OTHERS: tuple[dict[str, Any], ...] = (
    {"restricted": True}, {"stranger": True}, {"bot": True}, {"deleted": True}, {"team": "T0OTHER001"},
    {"team": "E0X", "teams": ("T0OTHER001",)},  # another workspace of the organisation
)  # fmt: skip


async def test_no_guest_stranger_bot_or_deleted_user_may_although_the_group_has_them(one: Scene) -> None:
    others = [User(f"U0OTHER{n:03}", f"other-{n}", **flags) for n, flags in enumerate(OTHERS)]
    others.append(User("USLACKBOT", "slackbot"))  # a bot that does not say so
    ids = [other.id for other in others]
    await running(one, *others, User(LEAD, "lead", "lead@example.com", "Tom Becker", restricted=True))
    groups = one.around.slack.workspace.groups
    groups["S0DATATEAM"] = replace(groups["S0DATATEAM"], users=(*ids, ANALYST))
    assert await notices(one, *ids, LEAD) == [FORBIDDEN] * (len(ids) + 1)  # nor by an address
    assert await one.press("mute", LEAD) == 200  # everyone may, of the workspace
    assert (await one.whispers(len(ids) + 2))[-1] == (LEAD, FORBIDDEN)
    assert one.asked(CANCEL) == []
    assert await notices(one, ANALYST) == [TAKEN]


@pytest.mark.parametrize(("place", "app"), [("T0OTHER001", ""), ("", "A0OTHER001")])
async def test_a_press_in_another_workspace_or_of_another_app_does_nothing(begun: Scene, place: str, app: str) -> None:
    slack = begun.around.slack
    slack.pressed_in, slack.pressed_app = place, app or slack.pressed_app
    assert await notices(begun, ANALYST) == [FORBIDDEN]
    assert begun.asked(CANCEL) == []
