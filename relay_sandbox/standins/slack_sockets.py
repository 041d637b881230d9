"""Socket Mode as Slack has it: connections that an app opens, presses that come by them and are acknowledged."""

import asyncio
import json
import secrets
from typing import Any
from urllib.parse import urlencode

from aiohttp import ClientSession, WSMsgType, web

from relay.receiving.signatures import sign
from relay_sandbox.standins.slack_records import APP, Json

WITHIN = 3.0  # seconds that Slack waits for an acknowledgement


class Sockets:
    """`url` is the page's address. A press goes by the newest connection."""

    def __init__(self) -> None:
        self.opened = 0  # connections since the beginning
        self.unacknowledged: dict[str, Json] = {}  # envelopes by their ids, in the order of their presses
        self.faults: list[str] = []  # what Slack would not have understood
        self._tickets: set[str] = set()
        self._connections: dict[web.WebSocketResponse, web.Request] = {}
        self._acknowledged: dict[str, asyncio.Event] = {}

    @property
    def connected(self) -> int:
        return len(self._connections)

    def ticket(self, page: str) -> str:
        """An address that may be connected to once."""
        ticket = secrets.token_urlsafe(12)
        self._tickets.add(ticket)
        return f"{page.replace('http', 'ws', 1)}link/?ticket={ticket}"

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        ticket = request.query.get("ticket", "")
        if ticket not in self._tickets:
            raise web.HTTPForbidden
        self._tickets.discard(ticket)
        connection = web.WebSocketResponse(timeout=0.5)
        await connection.prepare(request)
        self.opened += 1
        await connection.send_json({"type": "hello", "num_connections": self.connected + 1,
                                    "connection_info": {"app_id": APP}})  # fmt: skip
        self._connections[connection] = request
        try:
            async for message in connection:
                if message.type == WSMsgType.TEXT:
                    self._acknowledge(message.data)
        finally:
            del self._connections[connection]
        return connection

    async def press(self, payload: Json, within: float = WITHIN) -> bool:
        """Return whether it is acknowledged in time. If not, `deliver_again` has it."""
        id_ = secrets.token_hex(8)
        envelope = {"envelope_id": id_, "type": "interactive", "accepts_response_payload": False, "payload": payload}
        self.unacknowledged[id_] = envelope
        return await self._deliver(envelope, within)

    async def deliver_again(self, within: float = WITHIN) -> list[bool]:
        """Everything that was not acknowledged."""
        return [await self._deliver(envelope, within) for envelope in list(self.unacknowledged.values())]

    async def disconnect(self, reason: str = "refresh_requested") -> None:
        """Ask each connection to be replaced."""
        for connection in list(self._connections):
            await connection.send_json({"type": "disconnect", "reason": reason})

    def drop(self) -> None:
        """Break all connections without a word."""
        for request in self._connections.values():
            if request.transport:
                request.transport.abort()

    async def aclose(self) -> None:
        for connection in list(self._connections):
            await connection.close()

    async def _deliver(self, envelope: dict[str, Any], within: float) -> bool:
        acknowledged = self._acknowledged[envelope["envelope_id"]] = asyncio.Event()
        try:
            async with asyncio.timeout(within):
                await [*self._connections][-1].send_json(envelope)
                await acknowledged.wait()
        except (TimeoutError, ConnectionError, IndexError):
            return False
        return True

    def _acknowledge(self, text: str) -> None:
        try:
            id_ = json.loads(text)["envelope_id"]
            del self.unacknowledged[id_]
        except (ValueError, LookupError, TypeError):
            self.faults.append(text)
            return
        self._acknowledged[id_].set()


class Presses:
    """The way of presses to the app: to its Interactivity Request URL, or by its connections of Socket Mode."""

    def __init__(self) -> None:
        self.url, self.signing_secret, self.app_token = "", "", ""
        self.sockets: Sockets | None = None  # Socket Mode, if it is switched on

    @property
    def enabled(self) -> bool:
        return bool(self.url or self.sockets)

    async def send(self, payload: Json, now: float) -> int:
        """Return the status that relay gave; by a socket 200 if it was acknowledged, else 0."""
        if self.sockets:
            return 200 if await self.sockets.press(payload) else 0
        body = urlencode({"payload": json.dumps(payload)}).encode()
        headers = sign("slack", body, self.signing_secret.encode(), timestamp=now)
        headers["Content-Type"] = "application/x-www-form-urlencoded"
        async with ClientSession() as session, session.post(self.url, data=body, headers=headers) as answer:
            return answer.status

    def open_link(self, token: str, page: str) -> Json:
        """Answer apps.connections.open."""
        if not self.sockets or token != self.app_token:
            return {"ok": False, "error": "not_allowed_token_type" if token.startswith("xoxb-") else "invalid_auth"}
        return {"ok": True, "url": self.sockets.ticket(page)}

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """A connection of Socket Mode."""
        if not self.sockets:
            raise web.HTTPNotFound
        return await self.sockets.serve(request)
