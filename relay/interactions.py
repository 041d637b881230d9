"""Buttons in Slack: from a press to a durable request, answered within Slack's three seconds.

The press is verified by Slack's signature, the button by relay's own, the person by the configuration. The request's id
is the button's, so pressing twice acts once. What comes of it is told in the message's thread, by the ordinary way.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import structlog
from aiohttp import web

from relay import tokens
from relay.errors import InvalidSignature
from relay.events import Event
from relay.parsing import parse
from relay.platform.actions import ACTIONS, REQUESTED
from relay.signatures import SignedRequest, verify

log = structlog.get_logger(__name__)

PATH = "/slack/interactions"
PURPOSE = "slack-button"
MAX_BODY = 256 * 1024
GOOD_FOR = 7 * 86_400.0  # seconds that a button works: as long as ids are remembered, so that a press acts once
TOLERANCE = 300.0

SORRY = {
    "stale": "This button is no longer good. The run's newest message has the current ones.",
    "forbidden": "You may not do this: `channels.slack.actions` in relay's configuration names those who may.",
}

Allowed = Callable[[str, str], Awaitable[bool]]  # action, Slack's id of a user
Take = Callable[[Event], Awaitable[None]]
Whisper = Callable[[str, str, str], Awaitable[None]]  # conversation, user, text


@dataclass(frozen=True, slots=True)
class Button:
    """What one button does, to what, and where it stands."""

    action: str
    operation: str
    subject: str
    run: int
    destination: str
    address: str
    until: float

    def token(self, key: bytes) -> str:
        facts = (self.action, self.operation, self.subject, str(self.run), self.destination, self.address)
        return tokens.issue(key, PURPOSE, *facts, f"{self.until:.0f}")

    @classmethod
    def of(cls, key: bytes, token: str) -> "Button":
        """InvalidSignature for whatever relay did not make."""
        action, operation, subject, run, destination, address, until = tokens.redeem(key, PURPOSE, token)
        return cls(action, operation, subject, int(run), destination, address, float(until))


class Interactions:
    """The handler of `POST /slack/interactions`. `take` makes a request durable or raises StoreUnavailable."""

    def __init__(
        self,
        *,
        secret: bytes,
        key: Callable[[], Awaitable[bytes]],
        allowed: Allowed,
        take: Take,
        whisper: Whisper,
        clock: Callable[[], float],
    ) -> None:
        self._secret = secret
        self._key = key
        self._allowed = allowed
        self._take = take
        self._whisper = whisper
        self._clock = clock

    async def handle(self, request: web.Request) -> web.Response:
        """200 once every press is durable or refused; 401 for what Slack did not sign, 503 by StoreUnavailable."""
        body = await request.read()
        headers: dict[str, list[bytes]] = {}
        for name, value in request.raw_headers:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value)
        signed = SignedRequest(body, headers, None)
        verify("slack", signed, {"signing": self._secret}, header=None, tolerance=TOLERANCE, now=self._clock())
        payload = _payload(body)
        for pressed in payload.get("actions") or ():
            if isinstance(pressed, Mapping) and str(pressed.get("action_id", "")).partition(":")[0] in ACTIONS:
                await self._press(str(pressed.get("value", "")), payload)
        return web.Response()

    async def _press(self, token: str, payload: Mapping[str, Any]) -> None:
        user, conversation = _object(payload.get("user")), _object(payload.get("channel"))
        who, where = str(user.get("id", "")), str(conversation.get("id", ""))
        try:
            button = Button.of(await self._key(), token)
        except InvalidSignature:
            await self._whisper(where, who, SORRY["stale"])
            return
        if self._clock() > button.until:
            await self._whisper(where, who, SORRY["stale"])
            return
        if not await self._allowed(button.action, who):
            log.warning("action.refused", action=button.action, operation=button.operation, user=who)
            await self._whisper(where, who, SORRY["forbidden"])
            return
        log.info("action.requested", action=button.action, operation=button.operation, user=who)
        await self._take(self._event(button, user))

    def _event(self, button: Button, user: Mapping[str, Any]) -> Event:
        now = datetime.fromtimestamp(self._clock(), UTC)
        action = {
            "name": button.action,
            "operationId": button.operation,
            "subject": button.subject,
            "run": button.run,
            "destination": button.destination,
            "address": button.address,
            "user": str(user.get("id", "")),
            "userName": str(user.get("username") or user.get("name") or ""),
        }
        body = {
            "event": REQUESTED,
            "timestamp": now.isoformat(),
            "operation": {"operationId": button.operation},
            "action": action,
        }
        place = f" {button.destination} {button.address}" if button.action == "mute" else ""
        once = f"{button.action} {button.subject} {button.run}{place}"  # a retry is one, wherever it was asked for
        return parse(body, source="slack", received_at=now, delivery_id=once)


def _payload(body: bytes) -> Mapping[str, Any]:
    """The form's one field; what is no press of a button has nothing to be done about."""
    try:
        found = json.loads(parse_qs(body.decode("utf-8"))["payload"][0])
    except (ValueError, LookupError):
        return {}
    return found if isinstance(found, Mapping) and found.get("type") == "block_actions" else {}


def _object(said: object) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}
