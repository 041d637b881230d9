"""A button in Slack: only Slack's own press, of relay's own button, by somebody who may, and once."""

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient
from pytest_aiohttp import AiohttpClient, AiohttpRawServer
from structlog.testing import capture_logs

from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.domain.links import Person, Presser
from relay.domain.tokens import Signing
from relay.errors import StoreUnavailable
from relay.interactivity.buttons import PATH, VALID_FOR, Button
from relay.interactivity.endpoint import LIMIT, MAX_BODY, Interactions
from relay.receiving.addresses import Addresses
from relay.receiving.signatures import sign
from relay.rendering.translations import FORBIDDEN, STALE, TAKEN
from relay.store import Store, keys
from relay.store.audit import AuditTrail
from tests.support.audit import acts_of
from tests.support.clock import Clock
from tests.support.stage import SIGNING

SECRET = b"the-signing-secret-of-the-app"
BUTTON = Button("retry", "op-2", "op-1", 1, "process-mining", "#process-mining", Clock().now + VALID_FOR)


@dataclass
class Scene:
    """The handler behind a server, and what came of each press."""

    clock: Clock
    pressers: list[Presser] = field(default_factory=list)
    taken: list[Event] = field(default_factory=list)
    whispered: list[tuple[str, str, str]] = field(default_factory=list)
    status: str = "accepted"
    fault: Exception | None = None
    endpoint: Interactions = field(init=False)
    client: TestClient[web.Request, web.Application] = field(init=False)

    async def press(self, value: str, *, secret: bytes = SECRET, user: str = "U0ANALYST1", **changes: Any) -> int:
        payload = {
            "type": "block_actions",
            "user": {"id": user, "username": "analyst"},
            "channel": {"id": "C0TEAM0001"},
            "actions": [{"action_id": "retry", "value": value}],
        }
        return await self.post(urlencode({"payload": json.dumps(payload | changes)}).encode(), secret)

    async def post(self, body: bytes, secret: bytes = SECRET) -> int:
        headers = sign("slack", body, secret, timestamp=self.clock())
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        async with self.client.post(PATH, data=body, headers=headers) as response:
            status = int(response.status)
        await self.endpoint.aclose(5)  # the notices are under way beside the answer
        return status


@pytest.fixture
async def scene(
    aiohttp_client: AiohttpClient, aiohttp_raw_server: AiohttpRawServer, clock: Clock, store: Store
) -> Scene:
    scene = Scene(clock)

    async def is_allowed(button: Button, presser: Presser) -> Person | None:
        scene.pressers.append(presser)
        return Person(presser.user, "Jana Müller") if presser.user == "U0ANALYST1" else None

    async def ingest(event: Event) -> Accepted:
        if scene.fault:
            raise scene.fault
        scene.taken.append(event)
        return Accepted(scene.status)  # type: ignore[arg-type]

    async def post_ephemeral(conversation: str, user: str, text: str, _destination: str) -> None:
        scene.whispered.append((conversation, user, text))

    buttons = SimpleNamespace(signing_secret=lambda: SECRET, signing=SIGNING, is_allowed=is_allowed, ingest=ingest,
                              post_ephemeral=post_ephemeral)  # fmt: skip
    scene.endpoint = Interactions(buttons, clock=clock, patience=0.2, audit=AuditTrail(store.plain))  # type: ignore[arg-type]
    scene.client = await aiohttp_client(await aiohttp_raw_server(Addresses(scene.endpoint.routes()).answer))
    return scene


async def test_a_press_becomes_a_request_that_names_who_and_what(scene: Scene) -> None:
    assert await scene.press(BUTTON.token(SIGNING)) == 200
    [event] = scene.taken
    assert (event.name, event.source, event.own_id) == ("operation.action.requested", "slack", "op-2")
    assert event.document["action"] == {
        "name": "retry",
        "operationId": "op-2",
        "subject": "op-1",
        "run": 1,
        "destination": "process-mining",
        "address": "#process-mining",
        "user": "U0ANALYST1",
        "userName": "analyst",
        "realName": "Jana Müller",
        "press": f"U0ANALYST1 {datetime.fromtimestamp(scene.clock(), UTC).isoformat()}",
    }
    assert event.action == {"name": "retry", "run": 1, "press": True}
    assert event.subject == "op-1"
    assert scene.whispered == [("C0TEAM0001", "U0ANALYST1", TAKEN)]


async def test_who_might_not_is_told_so_and_displaces_nothing_in_the_audit_trail(scene: Scene, store: Store) -> None:
    await scene.press(BUTTON.token(SIGNING))
    with capture_logs() as lines:
        await scene.press(BUTTON.token(SIGNING), user="U0STRANGER")

    entries = await acts_of(store.redis)
    assert [(entry.actor, entry.action, entry.subject, entry.outcome) for entry in entries] == [
        ("U0ANALYST1 Jana Müller", "press retry", "op-2", "accepted"),
    ]
    [line] = [line for line in lines if line["event"] == "audit"]
    assert (line["actor"], line["action"], line["outcome"]) == ("U0STRANGER", "press retry", "refused: may not")
    assert len(scene.taken) == 1
    assert scene.whispered[1:] == [("C0TEAM0001", "U0STRANGER", FORBIDDEN)]
    assert BUTTON.token(SIGNING) not in repr(await store.redis.xrange(f"{keys.PREFIX}audit"))


async def test_pressing_twice_is_one_request(scene: Scene, store: Store) -> None:
    await scene.press(BUTTON.token(SIGNING))
    scene.clock.advance(2)
    await scene.press(replace(BUTTON, until=BUTTON.until + 60).token(SIGNING))  # the same button of a newer message
    answers = [await store.accept(event, []) for event in scene.taken]
    assert [answer.status for answer in answers] == ["accepted", "duplicate"]


async def test_what_slack_did_not_sign_or_signed_long_ago_does_nothing(scene: Scene) -> None:
    assert await scene.press(BUTTON.token(SIGNING), secret=b"another-secret") == 401
    body = urlencode({"payload": "{}"}).encode()
    headers = sign("slack", body, SECRET, timestamp=scene.clock() - 301)
    async with scene.client.post(PATH, data=body, headers=headers) as response:
        assert response.status == 401
    scene.clock.advance(1)
    with capture_logs() as lines:
        async with scene.client.post(PATH, data=body) as response:
            assert response.status == 401
    assert [(line["event"], line["peer"]) for line in lines] == [("press.unsigned", "127.0.0.1")]
    assert not scene.taken
    assert not scene.whispered


OLD = replace(BUTTON, until=Clock().now - 1)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "nonsense",
        OLD.token(SIGNING),
        BUTTON.token(Signing(lambda: [b"another-secret"])),
        BUTTON.token(SIGNING)[:-1] + "~",
    ],
)
async def test_a_button_that_is_old_or_not_of_relays_own_is_answered_and_does_nothing(scene: Scene, value: str) -> None:
    assert await scene.press(value) == 200
    assert scene.taken == []
    assert scene.whispered == [("C0TEAM0001", "U0ANALYST1", STALE)]


def form(payload: Any) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


BODIES = [
    b"", b"payload=", b"payload=[]", b"\xff\xfe", form([]), form({}), form({"type": "view_submission"}),
    form({"type": "block_actions", "actions": [7, {"action_id": "open", "value": "x"}]}),
    form({"type": "block_actions", "user": 7, "actions": None}),
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
async def test_whatever_else_slack_sends_is_answered_and_nothing_done(scene: Scene, body: bytes) -> None:
    assert await scene.post(body) == 200
    assert not scene.taken
    assert not scene.whispered


@pytest.mark.parametrize("fault", [StoreUnavailable("away"), TimeoutError()])
async def test_what_cannot_be_made_durable_is_no_200(scene: Scene, fault: Exception) -> None:
    scene.fault = fault
    assert await scene.press(BUTTON.token(SIGNING)) == 503
    assert scene.whispered == []


async def test_a_body_that_is_too_large_is_refused_before_its_signature_is_worked_out(scene: Scene) -> None:
    assert await scene.post(b"x" * (MAX_BODY + 1)) == 413
    assert await scene.post(b"x" * MAX_BODY) == 200


async def test_more_presses_than_people_make_are_throttled(scene: Scene) -> None:
    statuses = [await scene.post(b"") for _ in range(LIMIT.count + 1)]
    assert statuses[:-1] == [200] * LIMIT.count
    assert statuses[-1] == 429
