"""Buttons under a run's message, pressed: what reaches the platform, what is told, and that it happens once."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from relay.app import Relay
from relay.channels.slack.channel import SlackSettings
from relay.cli.timeline import facts_of
from relay.dev.standins.slack import Fault, Message
from relay.dev.standins.slack_limits import validate
from relay.interactivity.endpoint import PATH
from relay.rendering.fixtures import FIXTURES
from relay.rendering.notices import FORBIDDEN, SLOW, STALE, TAKEN, TWICE
from tests.support import samples, slacks
from tests.support.browser import Browser, needs_chromium
from tests.support.inprocess import relay
from tests.support.platform import ScriptedPlatform, scripted_platform
from tests.support.redis_server import RedisServer
from tests.support.stage import Surroundings, post, running, surroundings

CONFIG = Path(__file__).parents[1] / "data" / "buttons.yaml"
SIGNING_SECRET = "the-signing-secret-of-the-app"
ANALYST, LEAD = "U0ANALYST1", "U0LEAD0001"
SCOPE = "/api/tenant-1/project-1/async"
CANCEL, RETRY = f"DELETE {SCOPE}/operation/op-1", f"POST {SCOPE}/operation/op-1/retry"
CANCELLED = (200, {"operationId": "op-1", "status": "Cancelled"})
RETRIED = (202, {"originalOperationId": "op-1", "newOperationId": "op-2", "status": "Initiated"})
BUSY = (503, {"detail": "in maintenance"})


@dataclass
class Scene:
    """One relay with buttons, its Slack and its platform."""

    around: Surroundings
    platform: ScriptedPlatform
    relay: Relay | None = None
    sent: int = 0

    @property
    def url(self) -> str:
        assert self.relay
        host, port = self.relay.addresses[0]
        return f"http://{host}:{port}"

    async def tell(self, name: str, operation: str = "op-1", **parts: Any) -> None:
        """An event of the platform, each later than the one before."""
        self.sent += 1
        when = datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=self.sent)
        about = {"operationId": operation, "operationName": "Order-to-Cash", **parts.pop("about", {})}
        body = samples.envelope(name, when.isoformat(), operation=about, **parts) | {"eventId": f"evt-{self.sent}"}
        assert (await post(self.url, body)).status in (200, 202)

    async def root(self, **expected: str) -> Message:
        """The live message, once its text has what is expected and everything is delivered."""
        wanted = expected.get("text", "")
        messages = await self.around.messages("#team", lambda found: bool(found) and wanted in found[0].text)
        await self.around.settled()
        found: Message = messages[0]
        return found

    async def replies(self, count: int) -> list[str]:
        messages = await self.around.messages("#team", lambda found: len(threaded(found)) >= count)
        await self.around.settled()
        return [one.text for one in threaded(messages)]

    async def whispers(self, count: int) -> list[tuple[str, str]]:
        slack = self.around.slack
        await slack.wait_for(lambda: len(slack.workspace.whispers) >= count)
        return [(one["user"], one["text"]) for one in slack.workspace.whispers]

    async def press(self, action: str, user: str = ANALYST, **changes: Any) -> int:
        return await self.around.slack.press(self.around.slack.messages("#team")[0], action, user, **changes)

    def asked(self, call: str) -> list[Any]:
        return [one.body for one in self.platform.asked if f"{one.method} {one.path}" == call]


def threaded(messages: list[Message]) -> list[Message]:
    return [one for one in messages if one.thread_ts]


def buttons(message: Message) -> dict[str, dict[str, Any]]:
    found = [one for block in message.blocks if block["type"] == "actions" for one in block["elements"]]
    return {one["action_id"]: one for one in found}


@asynccontextmanager
async def scene(redis: RedisServer, answers: dict[str, list[Any]] | None = None, **env: str) -> AsyncIterator[Scene]:
    given: dict[str, list[Any]] = {CANCEL: [CANCELLED], RETRY: [RETRIED], f"GET {SCOPE}/operations": [(503, {})],
             f"GET {SCOPE}/operation/op-1": [(503, {})], f"GET {SCOPE}/operation/op-2": [(503, {})],
             **(answers or {})}  # fmt: skip
    async with (
        scripted_platform(given) as platform,
        surroundings(redis.url, STAGE_PLATFORM=platform.url, **env) as around,
    ):
        one = Scene(around, platform)
        async with serving(one):
            yield one
        assert (await around.ledger()).imbalance == 0
        assert around.slack.violations == []


@asynccontextmanager
async def serving(one: Scene, **options: Any) -> AsyncIterator[None]:
    async with running(one.around, CONFIG, **options) as one.relay:
        one.around.slack.interact(f"{one.url}{PATH}", SIGNING_SECRET)
        yield


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
        event, history = slacks.told(name, FIXTURES[fixture])
        content = RENDERER.render(
            "slack", "live", event, history, language=language, timezone="UTC", now=slacks.NOW, buttons=given
        )
        for blocks in filter(None, (content["blocks"], content.get("rich"))):
            assert validate({"text": content["text"], "blocks": blocks}) == []
            [shown] = [block["elements"] for block in blocks if block["type"] == "actions"]
            assert [(one["action_id"], one["value"]) for one in shown] == [
                (one["action"], one["value"]) for one in given
            ]


# Cancel and retry


async def test_a_cancel_reaches_the_platform_once_and_is_told_in_the_thread(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.started")
        await one.root()
        assert await one.press("cancel") == 200
        assert await one.press("cancel") == 200
        assert await one.press("cancel", LEAD) == 200
        [reply] = await one.replies(1)
        assert reply == "Cancel asked for by @analyst: the platform is ending the run."
        assert [body["reason"] for body in one.asked(CANCEL)] == ["Cancelled by Jana Müller in Slack"]
        assert await one.whispers(3) == [(ANALYST, TAKEN), (ANALYST, TWICE), (LEAD, TWICE)]
        shown = threaded(one.around.slack.messages("#team"))[0].blocks[0]["text"]["text"]
        assert f"<@{ANALYST}>" in shown


async def test_a_retry_is_told_with_the_new_run(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.started")
        await one.tell("operation.failed", error={"message": "It broke."})
        await one.root(text="Failed")
        before = len(threaded(one.around.slack.messages("#team")))
        assert await one.press("retry") == 200
        replies = await one.replies(before + 1)
        assert replies[-1] == "Retry asked for by @analyst: op-2 started."
        assert len(one.asked(RETRY)) == 1


async def test_two_presses_at_the_same_time_are_one_call(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.started")
        await one.root()
        assert set(await asyncio.gather(*(one.press("cancel") for _ in range(8)))) == {200}
        assert len(await one.replies(1)) == 1
        assert len(one.asked(CANCEL)) == 1


async def test_a_refusal_is_told_and_may_be_asked_for_again(redis_server: RedisServer) -> None:
    refused = 409, {"detail": "it is being finished"}
    async with scene(redis_server, {CANCEL: [refused, CANCELLED]}) as one:
        await one.tell("operation.started")
        await one.root()
        await one.press("cancel")
        [reply] = await one.replies(1)
        assert reply == "Cancel, asked for by @analyst, was refused: 409 Conflict: it is being finished"
        await one.press("cancel")
        assert (await one.replies(2))[1].startswith("Cancel asked for by @analyst: the platform")


async def test_a_platform_that_is_down_is_asked_again_until_it_is_up(redis_server: RedisServer) -> None:
    async with scene(redis_server, {CANCEL: [BUSY, BUSY, CANCELLED]}) as one:
        await one.tell("operation.started")
        await one.root()
        await one.press("cancel")
        [reply] = await one.replies(1)
        assert reply.startswith("Cancel asked for by @analyst: the platform")
        assert len(one.asked(CANCEL)) == 3


async def test_a_platform_that_stays_down_leaves_a_dead_letter_and_whoever_pressed_is_told(
    redis_server: RedisServer,
) -> None:
    async with scene(redis_server, {CANCEL: [BUSY]}, STAGE_RETRIES="1") as one:
        await one.tell("operation.started")
        await one.root()
        await one.press("cancel")
        [reply] = await one.replies(1)
        assert reply == "Cancel, asked for by @analyst, was refused: 503 Service Unavailable: in maintenance"
        [letter] = await one.around.admin.dead()
        assert (letter.event, letter.channel, letter.address) == ("operation.action.requested", "platform", "cancel")
        await one.press("cancel")
        assert len(await one.replies(2)) == 2


async def test_a_retry_whose_answer_was_lost_is_not_repeated(redis_server: RedisServer) -> None:
    async with scene(redis_server, {RETRY: [BUSY]}) as one:
        await one.tell("operation.failed", error={"message": "It broke."})
        await one.root()
        before = len(threaded(one.around.slack.messages("#team")))
        await one.press("retry")
        reply = (await one.replies(before + 1))[-1]
        assert reply.startswith("The retry that @analyst asked for may have been done")
        assert len(one.asked(RETRY)) == 1


async def test_what_was_pressed_before_a_restart_is_done_after_it(redis_server: RedisServer) -> None:
    async with (
        scripted_platform({CANCEL: [CANCELLED]}) as platform,
        surroundings(redis_server.url, STAGE_PLATFORM=platform.url) as around,
    ):
        one = Scene(around, platform)
        async with serving(one):
            await one.tell("operation.started")
            await one.root()
        async with serving(one, role="receive"):  # takes presses, and delivers nothing
            assert await one.press("cancel") == 200
            assert one.asked(CANCEL) == []
        async with serving(one):
            assert len(await one.replies(1)) == 1
            assert len(one.asked(CANCEL)) == 1


# Whose doing it was


REASON = "Cancelled by Jana Müller in Slack"


@pytest.mark.parametrize(
    ("cancellation", "says"),
    [
        ({"cancelledBy": "user123", "reason": REASON}, "Cancelled by Jana Müller (Slack)"),
        ({"cancelledBy": "user123"}, "Cancelled by Jana Müller (Slack)"),
        ({}, "Cancelled by Jana Müller (Slack)"),
        ({"cancelledBy": "user123", "reason": "Too expensive"}, "Cancelled by user123"),
    ],
)
async def test_a_run_that_was_cancelled_by_a_button_names_who_pressed(
    cancellation: dict[str, str], says: str, redis_server: RedisServer
) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.started")
        await one.root()
        await one.press("cancel")
        await one.replies(1)
        await one.tell("operation.cancelled", cancellation=cancellation)
        message = await one.root(text="Cancelled")
        assert f" – {says}" in message.text
        shown = message.blocks[0]["text"]["text"]
        assert says in shown
        assert ("Reason: Too expensive" in shown, "Reason: Cancelled by" in shown) == (says.endswith("user123"), False)
        assert ("user123" in shown) == says.endswith("user123")


async def test_whoever_pressed_in_vain_is_not_named(redis_server: RedisServer) -> None:
    async with scene(redis_server, {CANCEL: [(409, {"detail": "it is being finished"})]}) as one:
        await one.tell("operation.started")
        await one.root()
        await one.press("cancel")
        await one.replies(1)
        await one.tell("operation.cancelled", cancellation={"cancelledBy": "user123"})
        assert "Cancelled by user123" in (await one.root(text="Cancelled")).text


async def test_whoever_cancelled_an_earlier_run_is_not_named_for_the_next(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.started")
        await one.root()
        await one.press("cancel")
        await one.replies(1)
        await one.tell("operation.cancelled", cancellation={"cancelledBy": "user123"})
        assert "Jana Müller" in (await one.root(text="Cancelled")).text
        await one.tell("operation.started", about={"retryNumber": 1})
        await one.tell("operation.cancelled", about={"retryNumber": 1}, cancellation={"cancelledBy": "user456"})
        assert "Cancelled by user456" in (await one.root(text="user456")).text


async def test_nobody_can_say_of_himself_that_he_pressed(redis_server: RedisServer) -> None:
    pressed = {"user": LEAD, "userName": "lead", "realName": "Tom Becker", "reason": ""}
    async with scene(redis_server) as one:
        await one.tell("operation.started", pressed=pressed)
        await one.tell(
            "operation.cancelled", pressed=pressed, cancellation={"cancelledBy": "user123", "pressed": pressed}
        )
        assert "Cancelled by user123" in (await one.root(text="Cancelled")).text


# Who may


async def test_whoever_is_not_named_is_told_so_and_nothing_happens(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.failed", error={"message": "It broke."})
        await one.root()
        assert await one.press("retry", LEAD) == 200
        assert await one.whispers(1) == [(LEAD, FORBIDDEN)]
        await one.around.settled()
        assert one.asked(RETRY) == []


@pytest.mark.parametrize("method", ["auth.test", "users.info", "users.lookupByEmail"])
async def test_a_slack_that_does_not_say_who_it_is_costs_nobody_three_seconds(
    method: str, redis_server: RedisServer
) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.failed", error={"message": "It broke."})
        await one.root()
        one.around.slack.outages[method] = Fault(hang=True)
        begun = asyncio.get_running_loop().time()
        assert await one.press("retry") == 200
        assert asyncio.get_running_loop().time() - begun < 3
        assert await one.whispers(1) == [(ANALYST, SLOW)]
        assert one.asked(RETRY) == []


async def test_what_slack_did_not_sign_is_refused_with_a_problem_document(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.started")
        await one.root()
        one.around.slack.interact(f"{one.url}{PATH}", "another-secret")
        assert await one.press("mute") == 401
        assert one.around.slack.workspace.whispers == []


async def test_the_button_of_an_earlier_run_does_nothing_to_the_present_one(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.started")
        old = buttons(await one.root())["cancel"]["value"]
        await one.tell("operation.started", about={"retryNumber": 1})
        message = await one.root(text="Started")
        await one.around.slack.wait_for(lambda: buttons(message)["cancel"]["value"] != old)
        assert await one.press("cancel", value=old) == 200
        assert await one.whispers(1) == [(ANALYST, STALE)]
        assert one.asked(CANCEL) == []


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


async def test_a_run_that_is_run_again_is_heard_again(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.started")
        await one.root()
        await one.press("mute")
        await one.replies(1)
        await one.tell("operation.failed", error={"message": "It broke."})
        await one.root(text="Failed")
        await one.tell("operation.started", about={"retryNumber": 1})
        await one.root(text="Started")
        await one.tell("operation.failed", error={"message": "Again."}, about={"retryNumber": 1})
        assert len(await one.replies(2)) == 2


# How it is set up


NEEDED = {"STAGE_SECRET": "kFv8-the-secret-of-the-platform", "STAGE_SLACK": "http://127.0.0.1:1/",
          "STAGE_PLATFORM": "https://mining.example.com"}  # fmt: skip


def test_relay_check_tells_who_may_press_what_and_what_slack_needs(tmp_path: Path) -> None:
    file = tmp_path / "relay.yaml"
    file.write_text(CONFIG.read_text("utf-8").replace("port: 0", "port: 0, public_url: https://relay.example.com"))
    facts = json.loads(relay("check", "-c", file, "--json", env=NEEDED).output)
    assert facts["summary"]["buttons"] == [
        "retry: analyst@example.com",
        "cancel: @data-team, lead@example.com",
        "mute: everyone",
        "@data-team must be user groups in Slack: --live asks",
        "in Slack, Interactivity & Shortcuts, Request URL: https://relay.example.com/slack/interactions",
    ]
    assert not [one for one in facts["warnings"] if one["path"].startswith(("platform", "channels"))]


def test_relay_check_says_what_retry_and_cancel_lack(tmp_path: Path) -> None:
    file = tmp_path / "relay.yaml"
    file.write_text(CONFIG.read_text("utf-8").replace("tenant: tenant-1, project: project-1, ", ""))
    facts = json.loads(relay("check", "-c", file, "--json", env=NEEDED).output)
    assert facts["summary"]["buttons"][0] == "mute: everyone"
    assert {"path": "platform", "message": "retry and cancel need tenant, project, so nobody gets these buttons",
            "line": None} in facts["warnings"]  # fmt: skip


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"signing_secret": ""}, "needs signing_secret"),
        ({"signing_secret": "${SLACK_SIGNING_SECRET}"}, "needs signing_secret"),
        ({"token": None, "webhooks": {"#a": "https://hooks.slack.com/services/T/B/x"}}, "needs token"),
        ({"actions": {"cancel": ["@here"]}}, "nobody who could press"),
        ({"actions": {"cancel": ["lead@example.com", "Jana Müller"]}}, "Jana Müller names nobody who could press"),
        ({"actions": {"cancel": ["#ops"]}}, "a user group such as @data-team"),
        ({"actions": {"mute": "@everyone"}}, "expected everyone, "),
        ({"actions": {"restart": ["@lead"]}}, "Extra inputs"),
    ],
)
def test_what_cannot_work_is_refused(settings: dict[str, Any], says: str) -> None:
    whole = {"token": "xoxb-1-a", "interactivity": "http", "signing_secret": SIGNING_SECRET, **settings}
    given = {key: value for key, value in whole.items() if value is not None}
    with pytest.raises(ValidationError, match=says):
        SlackSettings.model_validate(given)


def test_buttons_are_off_unless_they_are_asked_for() -> None:
    settings = SlackSettings.model_validate({"token": "xoxb-1-a"})
    assert settings.interactivity == "off"
    assert SlackSettings.model_validate({"token": "xoxb-1-a", "interactivity": False}) == settings
    assert (settings.actions.retry, settings.actions.cancel, settings.actions.mute) == ((), (), ("everyone",))


# In a browser


@needs_chromium
async def test_the_stand_ins_page_presses_what_it_shows(redis_server: RedisServer) -> None:
    async with scene(redis_server) as one:
        await one.tell("operation.started")
        await one.root()

        def press(address: str) -> None:
            with Browser() as browser:
                browser.show(address, width=1000)
                browser.ask(WAIT)
                browser.ask("document.querySelector('[data-action=mute]').click()")
                browser.ask(PRESSED)

        await asyncio.to_thread(press, one.around.slack.url)
        [reply] = await one.replies(1)
        assert reply.startswith("Muted by @analyst")


WAIT = """new Promise((done) => { const look = () => document.querySelector("[data-action=mute]") ? done(1)
  : setTimeout(look, 50); look(); })"""
PRESSED = """new Promise((done) => { const look = () => document.body.innerText.includes("Muted by") ? done(1)
  : setTimeout(look, 50); look(); })"""
