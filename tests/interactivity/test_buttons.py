"""Buttons under a run's message: which are shown, who may press them, and what muting does."""

import asyncio
import re

import pytest

from relay.channels.slack.limits import validate
from relay.operating.timeline import facts_of
from relay.rendering.samples import FIXTURES
from relay.rendering.translations import SLOW, TWICE
from relay_sandbox.standins.slack import Fault
from tests.interactivity.pressing import ANALYST, LEAD, RETRY, buttons, scene, threaded
from tests.support import slacks
from tests.support.redis_server import RedisServer

# What is shown


async def test_a_run_under_way_can_be_cancelled_and_muted_and_a_failed_one_retried(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.started")
        found = buttons(await one.root(text="Started"))
        assert {name: button["text"]["text"] for name, button in found.items()} == {
            "cancel": "Cancel run", "mute": "Mute this run",
        }  # fmt: skip
        assert found["cancel"]["confirm"]["title"]["text"] == "Cancel this run?"
        assert "confirm" not in found["mute"]
        assert all(re.fullmatch(r"[\w.-]{1,2000}", button["value"]) for button in found.values())
        await one.tell("operation.failed", error={"message": "It broke."})
        assert buttons(await one.root(text="Failed")).keys() == {"retry"}


async def test_the_buttons_speak_the_readers_language(redis_server: RedisServer) -> None:
    async with scene(redis_server, STAGE_LANGUAGE="de") as one:
        await one.tell("operation.started")
        found = buttons(await one.root())
        assert [button["text"]["text"] for button in found.values()] == ["Lauf abbrechen", "Lauf stummschalten"]
        await one.press("mute", LEAD)
        [reply] = await one.replies(1)
        assert reply.startswith("Stummgeschaltet von @lead")


@pytest.mark.parametrize("end", ["operation.completed", "operation.cancelled"])
async def test_what_is_over_well_or_on_purpose_has_no_buttons(redis_server: RedisServer, end: str) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.started")
        await one.root()
        await one.tell(end)
        assert buttons(await one.root(text=end.rpartition(".")[2].title())) == {}


async def test_without_interactivity_there_are_no_buttons_and_no_address(redis_server: RedisServer) -> None:
    async with scene(redis_server, STAGE_BUTTONS="off") as one:
        await one.tell("operation.started")
        message = await one.root()
        assert buttons(message) == {}
        assert await one.around.slack.send_press(message, {"action_id": "mute", "value": "x"}) == 404


async def test_what_belongs_to_another_project_can_be_muted_alone(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.started", projectId="project-2")
        assert buttons(await one.root()).keys() == {"mute"}


RENDERER = slacks.renderer()
STALLED = next(name for name in slacks.NAMES if name.startswith("operation.stalled"))


@pytest.mark.parametrize("fixture", FIXTURES)
@pytest.mark.parametrize(("name", "actions"), [
    ("operation.started", ["cancel", "mute"]), ("operation.progress", ["cancel", "mute"]),
    (STALLED, ["cancel", "mute"]), ("operation.failed", ["retry"]), ("operation.timeout", ["retry"]),
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


# Who may


@pytest.mark.slow
async def test_a_slack_that_does_not_say_who_it_is_costs_nobody_three_seconds(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.failed", error={"message": "It broke."})
        await one.root()
        one.around.slack.outages["users.info"] = Fault(hang=True)
        begun = asyncio.get_running_loop().time()
        assert await one.press("retry") == 200
        assert asyncio.get_running_loop().time() - begun < 3
        assert await one.whispers(1) == [(ANALYST, SLOW)]
        assert one.asked(RETRY) == []


# Mute


async def test_a_muted_run_is_edited_and_replied_to_no_more_until_it_ends(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.started")
        await one.root()
        assert await one.press("mute", LEAD) == 200
        assert await one.press("mute", ANALYST) == 200
        [reply] = await one.replies(1)
        assert reply == ("Muted by @lead: no more replies here until this run ends. Its message stays up to date.")
        assert await one.whispers(1) == [(ANALYST, TWICE)]
        await one.tell("operation.audited")
        await one.tell("operation.failed", error={"message": "It broke."})
        assert buttons(await one.root(text="Failed")).keys() == {"retry"}
        assert len(threaded(one.around.slack.messages("#team"))) == 1
        ledger = await one.around.settled()
        assert ledger.counts["held:muted"] == 2
        story = await one.around.admin.timeline("op-1")
        assert story
        assert [line for line in facts_of(story)["timeline"] if line.get("reason") == "muted"]
