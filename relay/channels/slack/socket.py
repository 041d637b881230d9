"""Socket Mode: presses come by a connection that relay opens, so that no port of its own has to be reached.

A press is acknowledged once it is durable. Whatever ends the connection, another one is opened; Slack delivers again
what was not acknowledged by then. https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

from relay import metrics
from relay.channels.slack.client import Client
from relay.channels.slack.errors import OPEN, FailureKind, SlackError, unanswered
from relay.domain.documents import mapping

log = structlog.get_logger(__name__)

PING = 5.0  # seconds between two pings; without an answer to some, the connection is given up
PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds until another attempt to connect; each time twice as long
STEADY = 60.0  # seconds after which a connection that ends is replaced at once: it had worked
OPENED_WITHIN = 10.0
CLOSED_WITHIN = 1.0  # Slack does not end the connection by itself
LONGEST = 256 * 1024  # bytes of a press

Take = Callable[[Mapping[str, Any]], Coroutine[Any, Any, bool]]


class Socket:
    """Connection for presses. `take` makes one durable or refuses it for good; false: it has to come again."""

    def __init__(
        self, client: Client, proxy: str, take: Take, *, ping: float = PING, pause: float = PAUSE, secure: bool = True
    ) -> None:
        self._client = client
        self._proxy = proxy
        self._take = take
        self._ping = ping
        self._pause = pause
        self._secure = secure
        self._connection: _Connection | None = None
        self._presses: set[asyncio.Task[Any] | None] = set()
        self._stopping = False
        self._opened, self._wait = float("-inf"), 0.0  # when the last one was; seconds until the next attempt
        self._greeted: object = None  # the session that Slack said hello on
        self.trouble = "not connected yet"

    @property
    def connected(self) -> bool:
        """Return whether presses arrive, as far as can be known."""
        session = self._connection and self._connection.current_session
        return session is not None and not session.closed and session is self._greeted

    @property
    def under_way(self) -> frozenset[asyncio.Task[Any]]:
        """Return the presses that are being taken."""
        return frozenset(filter(None, self._presses))

    async def run(self) -> None:
        """Connect, and stay connected."""
        self._connection = _Connection(self, self._proxy, self._ping)
        await self._connection.connect()
        await asyncio.Event().wait()

    async def open(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        """Open a new connection of this session, however long it takes; one that ends at once is a failure as well."""
        now = asyncio.get_running_loop().time
        if now() - self._opened > STEADY:
            self._wait = 0.0
        minimum = 0.0
        while True:
            await asyncio.sleep(max(self._wait, minimum))
            if self._stopping:  # the library began this attempt, and does not end it
                raise asyncio.CancelledError
            self._wait = min(2 * self._wait, LONGEST_PAUSE) or self._pause
            try:
                connection = await self._open(session)
            except SlackError as error:
                self.disconnected(str(error))
                minimum = error.retry_after or 0.0
            else:
                self._opened = now()
                return connection

    def greeted(self) -> None:
        """Note Slack's hello: from now on presses come here."""
        self._greeted = self._connection and self._connection.current_session
        if self.trouble:
            log.info("socket.connected")
        self.trouble = ""
        metrics.slack_socket_connected.set(1)

    def disconnected(self, reason: str) -> None:
        if self.connected or self._stopping:  # there is another one already, or none is wanted
            return
        metrics.slack_socket_connected.set(0)
        if reason != self.trouble:
            log.warning("socket.disconnected", reason=reason, meaning="buttons in Slack do nothing meanwhile")
        self.trouble = reason

    async def receive(self, session: aiohttp.ClientWebSocketResponse, request: SocketModeRequest) -> None:
        """Take one envelope, and acknowledge it on the connection that it came by."""
        if self._stopping:
            return  # Slack gives it to another process, or again to this one after its start
        task = asyncio.current_task()  # the library makes one for each envelope
        self._presses.add(task)
        try:
            # A crash before the acknowledgement: the press comes again, and is known by its own id.
            if request.type != "interactive" or await self._take(mapping(request.payload)):
                with contextlib.suppress(ConnectionError, RuntimeError):  # it broke meanwhile: likewise
                    await session.send_str(json.dumps({"envelope_id": request.envelope_id}))
        finally:
            self._presses.discard(task)

    async def aclose(self, grace: float) -> None:
        """Take nothing more, let presses being taken end, and close."""
        self._stopping = True
        if presses := self.under_way:
            await asyncio.wait(presses, timeout=grace)
        if self._connection:
            await self._connection.close()
        metrics.slack_socket_connected.set(0)
        await self._client.aclose()

    async def _open(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        address = str((await self._client.call(OPEN, {})).get("url") or "")
        parts = urlsplit(address)
        if not parts.hostname or parts.scheme not in (("wss",) if self._secure else ("wss", "ws")):
            raise SlackError(f"Slack's answer to {OPEN} lacks url", OPEN, FailureKind.UNSENT)
        try:
            async with asyncio.timeout(OPENED_WITHIN):
                return await session.ws_connect(
                    address,
                    autoping=False,  # the library answers pings
                    heartbeat=self._ping,
                    max_msg_size=LONGEST,
                    proxy=self._proxy or None,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSED_WITHIN),
                )
        # The cause goes no further: it shows the address, which is a secret until it was used.
        except aiohttp.WSServerHandshakeError as error:
            raise SlackError(f"Slack refused the connection: HTTP {error.status}", OPEN, FailureKind.UNSENT) from None
        except (aiohttp.ClientError, TimeoutError) as error:
            raise unanswered(OPEN, "", error) from None


class _Connection(SocketModeClient):
    """Slack's client with the connecting done here.

    The library's own would try a used address again, close the old connection before there is a new one, take a proxy
    from the environment, and log what it receives.
    """

    def __init__(self, owner: Socket, proxy: str, ping: float) -> None:
        logger = logging.Logger("slack_sdk", logging.CRITICAL + 1)
        super().__init__("", logger, proxy=proxy or "none", ping_interval=ping)
        self.proxy = proxy or None
        tracing = aiohttp.TraceConfig()
        tracing.on_request_redirect.append(_refuse_redirect)
        tracing.freeze()
        self.aiohttp_client_session.trace_configs.append(tracing)
        self._owner = owner
        self._retired: set[asyncio.Task[Any]] = set()
        self.message_listeners.append(self._message)
        self.socket_mode_request_listeners.append(self._request)

    async def connect(self) -> None:
        """Open another connection, and only then leave the one there is."""
        before = self.current_session
        if before is not None and before.closed:
            self._owner.disconnected("the connection to Slack broke; another one is being opened")
        session = await self._owner.open(self.aiohttp_client_session)
        self.current_session = session
        self.last_ping_pong_time = None
        self.stale = False
        for watching in (self.current_session_monitor, self.message_receiver):
            if watching is not None:
                watching.cancel()
        self.current_session_monitor = asyncio.ensure_future(self.monitor_current_session())
        self.message_receiver = asyncio.ensure_future(self.receive_messages())
        if before is not None:
            retired = asyncio.create_task(self._retire(before))
            self._retired.add(retired)
            retired.add_done_callback(self._retired.discard)

    async def connect_to_new_endpoint(self, force: bool = False) -> None:
        before = self.current_session
        async with self.connect_operation_lock:
            if self.current_session is before and (force or not await self.is_connected()):
                await self.connect()

    async def close(self) -> None:
        await asyncio.gather(*self._retired, return_exceptions=True)
        with contextlib.suppress(Exception):
            await super().close()  # type: ignore[no-untyped-call]

    async def _retire(self, session: aiohttp.ClientWebSocketResponse) -> None:
        """Close it, once what came by it is acknowledged."""
        presses = self._owner.under_way
        if presses:
            await asyncio.wait(presses, timeout=CLOSED_WITHIN * 3)
        await session.close()

    async def _message(
        self, _client: AsyncBaseSocketModeClient, message: dict[str, Any], _raw: str | None = None
    ) -> None:
        if message.get("type") == "hello":
            self._owner.greeted()

    async def _request(self, _client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        if self.current_session is not None:
            await self._owner.receive(self.current_session, request)


async def _refuse_redirect(*_: object) -> None:
    """Follow no redirect, as at every other address: `ws_connect` has no switch for it."""
    raise aiohttp.ClientPayloadError("a redirect instead of a connection")
