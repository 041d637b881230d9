"""Presses of buttons in Slack, made durable within Slack's three seconds.

Verified by Slack's signature, relay's token, and the configuration with Slack's answer at that moment: without one, the
press is refused. The outcome is posted in the thread; all else is shown to the presser alone.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qs

import structlog
from aiohttp import hdrs, web

from relay import metrics
from relay.domain.documents import first_text, mapping
from relay.domain.links import Person, Presser
from relay.errors import DeliveryError, InvalidSignature, StoreUnavailable
from relay.interactivity.buttons import ACTIONS, OWN, PATH, PURPOSE, Button, action_requested
from relay.interactivity.service import Interactivity
from relay.log_lines import RateLimitedLog, location_of
from relay.outage import Outage
from relay.receiving import request_body
from relay.receiving.addresses import Route
from relay.receiving.configured_source import RateLimiter
from relay.receiving.connection import client_of
from relay.receiving.problems import HttpProblem
from relay.receiving.scheme import SignedRequest
from relay.receiving.signatures import verify
from relay.receiving.sources import RateLimit
from relay.rendering.translations import FORBIDDEN, SLOW, STALE, TAKEN, TWICE
from relay.store.audit import Act, AuditTrail, Notes, say

log = structlog.get_logger(__name__)

MAX_BODY = 256 * 1024
WITHIN = 2.7  # seconds for all of it: Slack waits for three
BODY_TIMEOUT, TOLERANCE = 2.0, 300.0  # seconds for the body, and for the age of the signature
PATIENCE = 1.2  # seconds in which Slack has to say who pressed
DURABLE_WITHIN = 0.8  # seconds for each of two steps in the store
LIMIT = RateLimit(count=600, period=60.0)  # of all presses together

REFUSALS = {FORBIDDEN: "refused: may not", STALE: "refused: too old", SLOW: "refused: nobody could say who may"}


@dataclass(eq=False)
class Interactions:
    """Handler of `POST /slack/interactions`, and of presses that come by relay's own connection."""

    buttons: Interactivity
    clock: Callable[[], float]
    patience: float = PATIENCE
    outage: Outage = field(default_factory=Outage)
    audit: AuditTrail | None = None

    def __post_init__(self) -> None:
        self._notes = Notes(self.audit) if self.audit else None
        self._limiter = RateLimiter()
        self._lines = RateLimitedLog(self.clock)
        self._notices: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        return [Route(PATH, self.handle, (hdrs.METH_POST,))]

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer 200 once every press is durable or refused, 401 if Slack did not sign it, 503 if it is not durable."""
        secret = self.buttons.signing_secret()
        if not secret:
            raise HttpProblem(404, "There are no buttons: channels.slack.interactivity is off.")
        until = asyncio.get_running_loop().time() + WITHIN
        headers = request_body.header_lines(request)
        body = request_body.whole(request, max_size=MAX_BODY)
        if body is None:
            self._verify(request, SignedRequest(b"", headers, None), secret, unread=True)
            body = await request_body.read(request, max_size=MAX_BODY, seconds=BODY_TIMEOUT)
        self._verify(request, SignedRequest(body, headers, None), secret)
        if wait := self._limiter.wait(PATH, LIMIT, self.clock()):
            raise HttpProblem(429, "Too many presses.", headers={"Retry-After": f"{wait:.0f}"})
        if not await self._is_durable(_payload(body), until, partial(client_of, request)):
            raise HttpProblem(503, "The press could not be made durable.")
        return web.Response()

    async def take(self, payload: Mapping[str, Any]) -> bool:
        """Take a press from the connection that relay opened to Slack; False if it has to come again."""
        if self._limiter.wait(PATH, LIMIT, self.clock()):
            self._lines.warning(log, "press.failed", reason="too many presses")
            return False
        try:
            until = asyncio.get_running_loop().time() + WITHIN
            return await self._is_durable(_of_buttons(payload), until, lambda: "socket")
        except Exception as error:  # noqa: BLE001 - a fault of ours must not cost the connection
            metrics.unexpected_errors.inc()
            where = location_of(error)
            self._lines.error(log, "request.failed", where, error=type(error).__name__, place=where)
            return False

    async def _is_durable(self, payload: Mapping[str, Any], until: float, peer: Callable[[], str]) -> bool:
        """Make every press of it durable, or refuse it for good; False if neither was possible."""
        try:
            async with asyncio.timeout_at(until):
                for pressed in payload.get("actions") or ():
                    if isinstance(pressed, Mapping) and str(pressed.get("action_id", "")) in ACTIONS:
                        await self._press(peer, pressed, payload)
        except StoreUnavailable as error:
            self.outage.failed(str(error))
            return False
        except TimeoutError:
            self._lines.warning(log, "press.failed", reason="the store took too long")
            return False
        return True

    async def aclose(self, grace: float) -> None:
        """Let the notices being posted arrive, within `grace` seconds."""
        if self._notices:
            await asyncio.wait(self._notices, timeout=grace)
        for task in self._notices:
            task.cancel()
        if self._notes:
            await self._notes.aclose()

    def _verify(self, request: web.BaseRequest, signed: SignedRequest, secret: bytes, *, unread: bool = False) -> None:
        """Verify the signature; with `unread`, refuse only what no body could make genuine."""
        secrets, now = {"signing": secret}, self.clock()
        try:
            verify("slack", signed, secrets, header=None, tolerance=TOLERANCE, now=now, unread=unread)
        except InvalidSignature as error:
            self._lines.warning(log, "press.unsigned", reason=str(error), peer=partial(client_of, request))
            if unread:
                metrics.bodies_refused.labels("unsigned").inc()
            detail = "The signature is missing, wrong or too old."
            raise HttpProblem(401, detail, headers={"WWW-Authenticate": "Signature"}, close=unread) from error

    async def _press(self, peer: Callable[[], str], pressed: Mapping[str, Any], payload: Mapping[str, Any]) -> None:
        presser = _presser(payload)
        user, conversation = presser.user, str(mapping(payload.get("channel")).get("id", ""))
        try:
            button = Button.of(self.buttons.signing.redeem(PURPOSE, str(pressed.get("value", ""))))
        except InvalidSignature:
            self._notify(conversation, user, STALE)
            return
        person = STALE if self.clock() > button.until else await self._person(button, presser)
        if isinstance(person, str):
            log.warning("press.refused", action=button.action, operation=button.operation, user=user, reason=person,
                        peer=peer())  # fmt: skip
            say(Act(user, *_audited(button), outcome=REFUSALS.get(person, person)))
            self._notify(conversation, user, person, button.destination)
            return
        now = datetime.fromtimestamp(self.clock(), UTC)
        once = f"{user} {pressed.get('action_ts') or now.isoformat()}"
        act = Act(f"{user} {person.name or _handle(payload)}".strip(), *_audited(button))
        async with asyncio.timeout(DURABLE_WITHIN):
            # First: a crash in between leaves an entry whose outcome is not known.
            first = await self.audit.note(act) if self.audit else ""
            accepted = await self.buttons.ingest(action_requested(button, _handle(payload), person, now, once))
        act.outcome = accepted.status
        if self._notes:
            self._notes.end(first, act)
        log.info("press.taken", action=button.action, operation=button.operation, user=user, outcome=accepted.status)
        notices = {"accepted": "" if button.action in OWN else TAKEN, "duplicate": TWICE}
        self._notify(conversation, user, notices.get(accepted.status, STALE), button.destination)

    async def _person(self, button: Button, presser: Presser) -> Person | str:
        """Return the person who pressed, or the refusal. A decision that is too slow goes on for their next press."""
        try:
            async with asyncio.timeout(self.patience):
                return await self.buttons.is_allowed(button, presser) or FORBIDDEN
        except (TimeoutError, DeliveryError) as error:
            reason = str(error) or f"Slack did not say within {self.patience:g} s who may"
            self._lines.warning(log, "press.undecided", reason=reason)
            return SLOW

    def _notify(self, conversation: str, user: str, text: str, destination: str = "") -> None:
        """Post a notice in the background: Slack waits for the answer alone."""
        if text:
            task = asyncio.create_task(self._post(conversation, user, text, destination))
            self._notices.add(task)
            task.add_done_callback(self._notices.discard)

    async def _post(self, conversation: str, user: str, text: str, destination: str) -> None:
        try:
            await self.buttons.post_ephemeral(conversation, user, text, destination)
        except DeliveryError as error:
            self._lines.warning(log, "whisper.failed", reason=str(error))


def _audited(button: Button) -> tuple[str, str, dict[str, str]]:
    """Return the act, its object and its place for the audit trail."""
    return f"press {button.action}", button.operation, {"at": button.destination}


def _payload(body: bytes) -> Mapping[str, Any]:
    """Read the form's one field; empty for everything but the press of a button."""
    try:
        payload = json.loads(parse_qs(body.decode("utf-8"))["payload"][0])
    except (ValueError, LookupError, RecursionError):
        return {}
    return _of_buttons(payload)


def _of_buttons(payload: object) -> Mapping[str, Any]:
    return payload if isinstance(payload, Mapping) and payload.get("type") == "block_actions" else {}


def _presser(payload: Mapping[str, Any]) -> Presser:
    """Read https://docs.slack.dev/reference/interaction-payloads/block_actions-payload."""
    user, team = mapping(payload.get("user")), mapping(payload.get("team"))
    teams = (first_text(user.get("team_id")), first_text(team.get("id")))
    app = first_text(payload.get("api_app_id"))
    return Presser(first_text(user.get("id")), frozenset(filter(None, teams)), app)


def _handle(payload: Mapping[str, Any]) -> str:
    """Return the name by which the thread calls the person."""
    user = mapping(payload.get("user"))
    return str(user.get("username") or user.get("name") or "")
