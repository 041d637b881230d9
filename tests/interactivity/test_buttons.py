"""Buttons under a run's message: which are shown, who may press them, and what muting does."""

import asyncio
import re

import pytest

from relay.operating.timeline import facts_of
from relay.rendering.translations import SLOW, TWICE
from relay_sandbox.standins.slack import Fault
from relay_sandbox.standins.slack_limits import validate
from tests.interactivity.pressing import ANALYST, LEAD, RETRY, Scene, buttons, threaded
from tests.support import slacks
from tests.support.extremes import FIXTURES


async def test_a_run_under_way_can_be_cancelled_and_muted_and_one_that_is_over_neither(one: Scene) -> None:
    await one.tell("operation.started")
    found = buttons(await one.root(text="Started"))
    assert {name: button["text"]["text"] for name, button in found.items()} == {
        "cancel": "Cancel run", "mute": "Mute this run",
    }  # fmt: skip
    assert found["cancel"]["confirm"]["title"]["text"] == "Cancel this run?"
    assert "confirm" not in found["mute"]
    assert all(re.fullmatch(r"[\w.-]{1,2000}", button["value"]) for button in found.values())
    await one.tell("operation.completed")
    assert buttons(await one.root(text="Completed")) == {}


@pytest.mark.parametrize("env", [{"STAGE_LANGUAGE": "de"}])
async def test_the_buttons_speak_the_readers_language(one: Scene) -> None:
    await one.tell("operation.started")
    found = buttons(await one.root())
    assert [button["text"]["text"] for button in found.values()] == ["Lauf abbrechen", "Lauf stummschalten"]
    await one.press("mute", LEAD)
    [reply] = await one.replies(1)
    assert reply.startswith("Stummgeschaltet von @lead")


@pytest.mark.parametrize("env", [{"STAGE_BUTTONS": "off"}])
async def test_without_interactivity_there_are_no_buttons_and_no_address(one: Scene) -> None:
    await one.tell("operation.started")
    message = await one.root()
    assert buttons(message) == {}
    assert await one.around.slack.send_press(message, {"action_id": "mute", "value": "x"}) == 404


async def test_what_belongs_to_another_project_can_be_muted_alone(one: Scene) -> None:
    await one.tell("operation.started", projectId="project-2")
    assert buttons(await one.root()).keys() == {"mute"}


RENDERER = slacks.renderer()
STALLED = next(name for name in slacks.NAMES if name.startswith("operation.stalled"))


@pytest.mark.parametrize("fixture", FIXTURES)
@pytest.mark.parametrize(("name", "actions"), [
    ("operation.started", ["cancel", "mute"]), ("operation.progress", ["cancel", "mute"]),
    (STALLED, ["take", "cancel", "mute"]), ("operation.failed", ["take", "retry"]),
    ("operation.timeout", ["take", "retry"]),
])  # fmt: skip
def test_slack_takes_every_message_with_buttons(name: str, actions: list[str], fixture: str) -> None:
    given = [{"action": action, "value": "-_." * 666} for action in actions]
    for language in slacks.LANGUAGES:
        event, history = slacks.event_and_history(name, FIXTURES[fixture])
        content = RENDERER.render(
            "slack", "live", event, history, language=language, timezone="UTC", now=slacks.NOW, buttons=given
        )
        assert validate(content) == []
        [shown] = [block["elements"] for block in content["blocks"] if block["type"] == "actions"]
        assert [(one["action_id"], one["value"]) for one in shown] == [(one["action"], one["value"]) for one in given]


@pytest.mark.slow
async def test_a_slack_that_does_not_say_who_it_is_costs_nobody_three_seconds(one: Scene) -> None:
    await one.tell("operation.failed", error={"message": "It broke."})
    await one.root()
    one.around.slack.outages["users.info"] = Fault(hang=True)
    begun = asyncio.get_running_loop().time()
    assert await one.press("retry") == 200
    assert asyncio.get_running_loop().time() - begun < 3
    assert await one.whispers(1) == [(ANALYST, SLOW)]
    assert one.asked(RETRY) == []


async def test_a_muted_run_is_edited_and_replied_to_no_more_until_it_ends(begun: Scene) -> None:
    assert await begun.press("mute", LEAD) == 200
    assert await begun.press("mute", ANALYST) == 200
    [reply] = await begun.replies(1)
    assert reply == ("Muted by @lead: no more replies here until this run ends. Its message stays up to date.")
    assert await begun.whispers(1) == [(ANALYST, TWICE)]
    await begun.tell("operation.audited")
    await begun.tell("operation.failed", error={"message": "It broke."})
    assert buttons(await begun.root(text="Failed")).keys() == {"take", "retry"}
    assert len(threaded(begun.around.slack.messages("#team"))) == 1
    ledger = await begun.around.settled()
    assert ledger.counts["held:muted"] == 2
    story = await begun.around.admin.timeline("op-1")
    assert story
    assert [line for line in facts_of(story)["timeline"] if line.get("reason") == "muted"]


async def test_whoever_takes_a_failed_run_is_named_in_its_message_and_once_in_its_thread(one: Scene) -> None:
    await one.tell("operation.failed", error={"message": "It broke."})
    found = buttons(await one.root(text="Failed"))
    assert found["take"]["text"]["text"] == "I'll look at it"
    for presser in (LEAD, LEAD, ANALYST):
        assert await one.press("take", presser) == 200
        await one.around.settled()

    assert await one.replies(2) == ["@lead is looking at it.", "@analyst is looking at it."]
    assert await one.whispers(1) == [(LEAD, TWICE)]
    message = await one.root()
    assert f"👀 <@{ANALYST}> is looking at it." in str(message.blocks)
    assert "take" in buttons(message)
    await one.tell("operation.started", about={"retryNumber": 1})
    assert "looking at it" not in str((await one.root(text="Started")).blocks)
    story = await one.around.admin.timeline("op-1")
    assert story
    taken = [line["who"] for line in facts_of(story)["timeline"] if line["what"] == "taken"]
    assert taken == ["Tom Becker", "Jana Müller"]
