"""One relay with buttons under its messages, its Slack and its platform."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from relay.app import Relay
from relay.interactivity.buttons import PATH
from relay_sandbox.standins.slack import Message
from tests.support import samples
from tests.support.patience import patience
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
        await slack.wait_for(lambda: len(slack.workspace.whispers) >= count, patience())
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
async def place(redis: RedisServer, answers: dict[str, list[Any]] | None = None, **env: str) -> AsyncIterator[Scene]:
    """Slack and a platform, where relay is still to start."""
    given: dict[str, list[Any]] = {CANCEL: [CANCELLED], RETRY: [RETRIED], f"GET {SCOPE}/operations": [(503, {})],
             f"GET {SCOPE}/operation/op-1": [(503, {})], f"GET {SCOPE}/operation/op-2": [(503, {})],
             **(answers or {})}  # fmt: skip
    async with (
        scripted_platform(given) as platform,
        surroundings(redis.url, STAGE_PLATFORM=platform.url, **env) as around,
    ):
        yield Scene(around, platform)
        assert (await around.ledger()).imbalance == 0
        assert around.slack.violations == []


@asynccontextmanager
async def scene(redis: RedisServer, answers: dict[str, list[Any]] | None = None, **env: str) -> AsyncIterator[Scene]:
    async with place(redis, answers, **env) as one, serving(one):
        yield one


@asynccontextmanager
async def serving(one: Scene, **options: Any) -> AsyncIterator[None]:
    async with running(one.around, CONFIG, **options) as one.relay:
        one.around.slack.interact(f"{one.url}{PATH}", SIGNING_SECRET)
        yield
