"""Socket Mode as Slack has it: connections that an app opens, presses that come by them and are acknowledged."""

import asyncio
import json
import secrets
from typing import Any

from aiohttp import WSMsgType, web

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
