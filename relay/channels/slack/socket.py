"""Socket Mode: presses come by a connection that relay opens, so that no port of its own has to be reached.

A press is acknowledged once it is durable. Whatever ends the connection, another one is opened; Slack delivers again
what was not acknowledged by then. https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog

from relay import metrics
from relay.channels.slack.client import Client
from relay.channels.slack.errors import OPEN, FailureKind, SlackError, unanswered
from relay.domain.documents import first_text, mapping

log = structlog.get_logger(__name__)

PING = 5.0  # seconds between two pings; without an answer to one, the connection is given up
PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds until another attempt to connect; each time twice as long
STEADY = 60.0  # seconds after which a connection that ends is replaced at once: it had worked
OPENED_WITHIN = 10.0
CLOSED_WITHIN = 1.0  # Slack does not end the connection by itself
RETIRED_WITHIN = 3.0  # seconds that a replaced connection stays for what came by it
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
        self._connection: aiohttp.ClientWebSocketResponse | None = None  # the newest
        self._replace = asyncio.Event()  # it ended, or Slack asks for another one
        self._tasks: set[asyncio.Task[None]] = set()  # that read from connections or retire them
        self._presses: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._opened, self._wait = float("-inf"), 0.0  # when the last one was; seconds until the next attempt
        self._greeted: object = None  # the connection that Slack said hello on
        self.trouble = "not connected yet"

    @property
    def connected(self) -> bool:
        """Return whether presses arrive, as far as can be known."""
        connection = self._connection
        return connection is not None and not connection.closed and connection is self._greeted

    async def run(self) -> None:
        """Connect, and stay connected: there is another connection before the old one is left."""
        tracing = aiohttp.TraceConfig()
        tracing.on_request_redirect.append(_refuse_redirect)
        try:
            async with aiohttp.ClientSession(trace_configs=[tracing]) as session:
                while not self._stopping:
                    before, self._connection = self._connection, await self._next(session)
                    self._replace.clear()
                    self._begin(self._tasks, self._read(self._connection))
                    if before is not None:
                        self._begin(self._tasks, self._retire(before))
                    await self._replace.wait()
        finally:
            for task in self._tasks:
                task.cancel()

    async def aclose(self, grace: float) -> None:
        """Take nothing more, let presses being taken end, and close."""
        self._stopping = True
        if self._presses:
            await asyncio.wait(self._presses, timeout=grace)
        if self._connection:
            await self._connection.close()
        metrics.slack_socket_connected.set(0)
        await self._client.aclose()

    async def _next(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        """Open another connection, however long it takes; one that ends at once is a failure as well."""
        now = asyncio.get_running_loop().time
        if now() - self._opened > STEADY:
            self._wait = 0.0
        minimum = 0.0
        while True:
            await asyncio.sleep(max(self._wait, minimum))
            self._wait = min(2 * self._wait, LONGEST_PAUSE) or self._pause
            try:
                connection = await self._open(session)
            except SlackError as error:
                self._disconnected(str(error))
                minimum = error.retry_after or 0.0
            else:
                self._opened = now()
                return connection

    async def _open(self, session: aiohttp.ClientSession) -> aiohttp.ClientWebSocketResponse:
        address = str((await self._client.call(OPEN, {})).get("url") or "")
        parts = urlsplit(address)
        if not parts.hostname or parts.scheme not in (("wss",) if self._secure else ("wss", "ws")):
            raise SlackError(f"Slack's answer to {OPEN} lacks url", OPEN, FailureKind.UNSENT)
        try:
            async with asyncio.timeout(OPENED_WITHIN):
                return await session.ws_connect(
                    address,
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

    async def _read(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        """Take what comes by it until it ends. A replaced one is read on for as long as it lasts."""
        async for message in connection:
            envelope = _parsed(message.data)
            if envelope.get("type") == "hello":
                self._greet(connection)
            elif envelope.get("type") == "disconnect" and connection is self._connection:
                self._replace.set()
            elif first_text(envelope.get("envelope_id")) and not self._stopping:
                self._begin(self._presses, self._receive(connection, envelope))  # if stopping, Slack sends it again
        if connection is self._connection:
            self._disconnected("the connection to Slack broke; another one is being opened")
            self._replace.set()

    async def _receive(self, connection: aiohttp.ClientWebSocketResponse, envelope: Mapping[str, Any]) -> None:
        """Take one envelope, and acknowledge it on the connection that it came by."""
        # A crash before the acknowledgement: the press comes again, and is known by its own id.
        if envelope.get("type") != "interactive" or await self._take(mapping(envelope.get("payload"))):
            with contextlib.suppress(ConnectionError, RuntimeError):  # it broke meanwhile: likewise
                await connection.send_json({"envelope_id": envelope["envelope_id"]})

    async def _retire(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        """Close it, once what came by it is acknowledged."""
        if self._presses:
            await asyncio.wait(self._presses, timeout=RETIRED_WITHIN)
        await connection.close()

    def _greet(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        """Note Slack's hello: from now on presses come here."""
        self._greeted = connection
        if self.trouble:
            log.info("socket.connected")
        self.trouble = ""
        metrics.slack_socket_connected.set(1)

    def _disconnected(self, reason: str) -> None:
        if self.connected or self._stopping:  # there is another one already, or none is wanted
            return
        metrics.slack_socket_connected.set(0)
        if reason != self.trouble:
            log.warning("socket.disconnected", reason=reason, meaning="buttons in Slack do nothing meanwhile")
        self.trouble = reason

    @staticmethod
    def _begin(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)


def _parsed(text: object) -> Mapping[str, Any]:
    """Read a message; an empty one if it is no JSON object."""
    try:
        return mapping(json.loads(text)) if isinstance(text, str) else {}
    except (ValueError, RecursionError):
        return {}


async def _refuse_redirect(*_: object) -> None:
    """Follow no redirect, as at every other address: `ws_connect` has no switch for it."""
    raise aiohttp.ClientPayloadError("a redirect instead of a connection")
