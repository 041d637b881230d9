"""A button in Slack: only Slack's own press, of relay's own button, by somebody who may, and once."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.domain.presses import Person, Presser
from relay.errors import StoreUnavailable
from relay.interactivity.buttons import GOOD_FOR, Button
from relay.interactivity.endpoint import LIMIT, MAX_BODY, PATH, Interactions
from relay.receiving.problems import answer_problems
from relay.receiving.signatures import sign
from relay.rendering.notices import FORBIDDEN, STALE, TAKEN, TWICE
from relay.store import Store
from tests.support.clock import Clock

SECRET, KEY = b"the-signing-secret-of-the-app", b"relay-own-key-of-32-bytes-length"
BUTTON = Button("retry", "op-2", "op-1", 1, "process-mining", "#process-mining", Clock().now + GOOD_FOR)


@dataclass
class Scene:
    """The handler behind a server, and what came of each press."""

    clock: Clock
    pressers: list[Presser] = field(default_factory=list)
    taken: list[Event] = field(default_factory=list)
    whispered: list[tuple[str, str, str]] = field(default_factory=list)
    status: str = "accepted"
    fault: Exception | None = None
    client: Any = None

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
            return int(response.status)


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    clock = Clock()
    one = Scene(clock)

    async def key() -> bytes:
        return KEY

    async def is_allowed(action: str, presser: Presser) -> Person | None:
        one.pressers.append(presser)
        return Person(presser.user, "Jana Müller") if (action, presser.user) == ("retry", "U0ANALYST1") else None

    async def ingest(event: Event) -> Accepted:
        if one.fault:
            raise one.fault
        one.taken.append(event)
        return Accepted(one.status)  # type: ignore[arg-type]

    async def post_ephemeral(conversation: str, user: str, text: str, _destination: str) -> None:
        one.whispered.append((conversation, user, text))

    handler = Interactions(
        secret=lambda: SECRET,
        key=key,
        is_allowed=is_allowed,
        ingest=ingest,
        post_ephemeral=post_ephemeral,
        clock=clock,
        patience=0.2,
    )
    app = web.Application(middlewares=[answer_problems])
    app.add_routes(handler.routes())
    async with TestClient(TestServer(app)) as client:
        one.client = client
        yield one
    await handler.aclose(5)


async def test_a_press_becomes_a_request_that_names_who_and_what() -> None:
    async with scene() as one:
        assert await one.press(BUTTON.token(KEY)) == 200
    [event] = one.taken
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
        "press": f"U0ANALYST1 {datetime.fromtimestamp(one.clock(), UTC).isoformat()}",
    }
    assert event.action == {"name": "retry", "run": 1, "press": True}
    assert event.subject == "op-1"
    assert one.whispered == [("C0TEAM0001", "U0ANALYST1", TAKEN)]


@pytest.mark.parametrize(
    ("changes", "teams", "app"),
    [
        ({}, set(), ""),
        ({"team": {"id": "T1"}, "user": {"id": "U0ANALYST1", "team_id": "T2"}, "api_app_id": "A1"}, {"T1", "T2"}, "A1"),
        ({"team": None, "user": {"id": "U0ANALYST1", "team_id": 7}, "api_app_id": []}, set(), ""),
    ],
)
async def test_who_is_asked_about_is_known_by_ids_alone(changes: dict[str, Any], teams: set[str], app: str) -> None:
    async with scene() as one:
        given = {"type": "block_actions", "user": {"id": "U0ANALYST1"}, "channel": {"id": "C0TEAM0001"},
                 "actions": [{"action_id": "retry", "value": BUTTON.token(KEY)}]}  # fmt: skip
        assert await one.post(form(given | changes)) == 200
    assert one.pressers == [Presser("U0ANALYST1", frozenset(teams), app)]


async def test_pressing_twice_is_one_request(store: Store) -> None:
    async with scene() as one:
        await one.press(BUTTON.token(KEY))
        one.clock.advance(2)
        await one.press(replace(BUTTON, until=BUTTON.until + 60).token(KEY))  # the same button of a newer message
    answers = [await store.accept(event, []) for event in one.taken]
    assert [answer.status for answer in answers] == ["accepted", "duplicate"]


async def test_what_slack_did_not_sign_or_signed_long_ago_does_nothing() -> None:
    async with scene() as one:
        assert await one.press(BUTTON.token(KEY), secret=b"another-secret") == 401
        body = urlencode({"payload": "{}"}).encode()
        headers = sign("slack", body, SECRET, timestamp=one.clock() - 301)
        async with one.client.post(PATH, data=body, headers=headers) as response:
            assert response.status == 401
        async with one.client.post(PATH, data=body) as response:
            assert response.status == 401
    assert not one.taken
    assert not one.whispered


@pytest.mark.parametrize("value", ["", "nonsense", BUTTON.token(b"another-key"), BUTTON.token(KEY)[:-1] + "~"])
async def test_a_button_that_relay_did_not_make_is_answered_and_does_nothing(value: str) -> None:
    async with scene() as one:
        assert await one.press(value) == 200
    assert one.taken == []
    assert one.whispered == [("C0TEAM0001", "U0ANALYST1", STALE)]


async def test_an_old_button_is_answered_and_does_nothing() -> None:
    async with scene() as one:
        one.clock.advance(GOOD_FOR + 1)
        assert await one.press(BUTTON.token(KEY)) == 200
    assert one.taken == []
    assert one.whispered[0][2] == STALE


async def test_only_those_who_are_named_may_and_the_others_are_told_so() -> None:
    async with scene() as one:
        assert await one.press(BUTTON.token(KEY), user="U0LEAD0001") == 200
        assert await one.press(replace(BUTTON, action="cancel").token(KEY)) == 200
    assert one.taken == []
    assert [said[2] for said in one.whispered] == [FORBIDDEN] * 2


def form(payload: Any) -> bytes:
    return urlencode({"payload": json.dumps(payload)}).encode()


BODIES = [
    b"", b"payload=", b"payload=[]", b"\xff\xfe", form([]), form({}), form({"type": "view_submission"}),
    form({"type": "block_actions", "actions": [7, {"action_id": "open", "value": "x"}]}),
    form({"type": "block_actions", "user": 7, "actions": None}),
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES)
async def test_whatever_else_slack_sends_is_answered_and_nothing_done(body: bytes) -> None:
    async with scene() as one:
        assert await one.post(body) == 200
    assert not one.taken
    assert not one.whispered


async def test_whoever_presses_again_hears_that_it_was_asked_for(store: Store) -> None:
    async with scene() as one:
        one.status = "duplicate"
        assert await one.press(BUTTON.token(KEY)) == 200
    assert [said[2] for said in one.whispered] == [TWICE]


@pytest.mark.parametrize("fault", [StoreUnavailable("away"), TimeoutError()])
async def test_what_cannot_be_made_durable_is_no_200(fault: Exception) -> None:
    async with scene() as one:
        one.fault = fault
        assert await one.press(BUTTON.token(KEY)) == 503
    assert one.whispered == []


async def test_a_body_that_is_too_large_is_refused_before_its_signature_is_worked_out() -> None:
    async with scene() as one:
        assert await one.post(b"x" * (MAX_BODY + 1)) == 413
        assert await one.post(b"x" * MAX_BODY) == 200


async def test_more_presses_than_people_make_are_throttled() -> None:
    async with scene() as one:
        statuses = [await one.post(b"") for _ in range(LIMIT.count + 1)]
    assert statuses[:-1] == [200] * LIMIT.count
    assert statuses[-1] == 429
