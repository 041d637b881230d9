"""Socket Mode: presses come by a connection that relay opens, so that no port of its own has to be reached.

A press is acknowledged once it is durable. Whatever ends the connection, Slack's library opens another one; Slack
delivers again what was not acknowledged by then. https://docs.slack.dev/apis/events-api/using-socket-mode
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine, Mapping
from typing import Any
from urllib.parse import urlsplit

import structlog
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from relay import metrics
from relay.channels.slack.client import Client
from relay.channels.slack.errors import OPEN, FailureKind, SlackError
from relay.domain.documents import mapping

log = structlog.get_logger(__name__)

PING = 5.0  # seconds between two pings; without an answer to some, the connection is given up
PAUSE, LONGEST_PAUSE = 1.0, 60.0  # seconds until another attempt to connect; each time twice as long
STEADY = 60.0  # seconds after which a connection that ends is replaced at once: it had worked
OPENED_WITHIN, CLOSED_WITHIN = 10.0, 1.0

Take = Callable[[Mapping[str, Any]], Coroutine[Any, Any, bool]]


class Socket(SocketModeClient):
    """Connection for presses. `take` makes one durable or refuses it for good; false: it has to come again."""

    def __init__(
        self, client: Client, proxy: str, take: Take, *, ping: float = PING, pause: float = PAUSE, secure: bool = True
    ) -> None:
        # It would log what it receives, and take a proxy from the environment if it had none.
        super().__init__(
            "", logging.Logger("slack_sdk", logging.CRITICAL + 1), proxy=proxy or "none", ping_interval=ping
        )
        self.proxy = proxy or None
        self.message_listeners.append(self._greet)
        self.socket_mode_request_listeners.append(self._receive)
        self._client = client
        self._take = take
        self._pause = pause
        self._schemes = ("wss",) if secure else ("wss", "ws")
        self._presses: set[asyncio.Task[Any] | None] = set()
        self._leaving: set[asyncio.Task[Any]] = set()  # connections that close
        self._greeted: object = None  # the session that Slack said hello on
        self._asked, self._wait = float("-inf"), 0.0  # when an address was given; seconds until the next is asked for
        self.trouble = "not connected yet"

    @property
    def connected(self) -> bool:
        """Return whether presses arrive, as far as can be known."""
        session = self.current_session
        return session is not None and not session.closed and session is self._greeted

    async def run(self) -> None:
        """Connect, and stay connected."""
        await self.connect()
        await asyncio.Event().wait()

    async def connect(self) -> None:
        """Connect to an address that was not tried before: the library would try the same one for ever."""
        while not self.closed:
            self.wss_uri = self.wss_uri or await self.issue_new_wss_url()
            self._leave()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(OPENED_WITHIN):
                    await super().connect()  # type: ignore[no-untyped-call]
                return
            self._disconnected(f"Slack's address did not answer within {OPENED_WITHIN:g} s")
            self.wss_uri = None

    async def issue_new_wss_url(self) -> str:
        """Ask for an address until Slack gives one, however long it takes; what ends at once is a failure as well."""
        if self.current_session is not None and self.current_session.closed:
            self._disconnected("the connection to Slack broke; another one is being opened")
        now = asyncio.get_running_loop().time
        if now() - self._asked > STEADY:
            self._wait = 0.0
        delay = 0.0
        while True:
            await asyncio.sleep(max(self._wait, delay))
            if self.closed:  # the library began this attempt, and does not end it
                raise asyncio.CancelledError
            self._wait = min(2 * self._wait, LONGEST_PAUSE) or self._pause
            try:
                address = await self._address()
            except SlackError as error:
                self._disconnected(str(error))
                delay = error.retry_after or 0.0
            else:
                self._asked = now()
                return address

    async def _address(self) -> str:
        address = str((await self._client.call(OPEN, {})).get("url") or "")
        if not urlsplit(address).hostname or urlsplit(address).scheme not in self._schemes:
            raise SlackError(f"Slack's answer to {OPEN} lacks url", OPEN, FailureKind.UNSENT)
        return address

    async def aclose(self, grace: float) -> None:
        """Take nothing more, let presses being taken end, and close."""
        self.closed = True
        if presses := {*filter(None, self._presses)}:
            await asyncio.wait(presses, timeout=grace)
        with contextlib.suppress(Exception):  # it broke meanwhile, or Slack does not close it
            async with asyncio.timeout(CLOSED_WITHIN):
                await self.close()  # type: ignore[no-untyped-call]
        metrics.slack_socket_connected.set(0)
        await self._client.aclose()

    def _leave(self) -> None:
        """Close the connection there is, without waiting for Slack to do the same."""
        if self.current_session is not None:
            leaving = asyncio.create_task(self.current_session.close())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
            self.current_session = None

    def _disconnected(self, reason: str) -> None:
        if self.connected or self.closed:  # there is another one already, or none is wanted
            return
        metrics.slack_socket_connected.set(0)
        if reason != self.trouble:
            log.warning("socket.disconnected", reason=reason, meaning="buttons in Slack do nothing meanwhile")
        self.trouble = reason

    async def _greet(
        self, _client: AsyncBaseSocketModeClient, message: dict[str, Any], _raw: str | None = None
    ) -> None:
        """Note Slack's hello: from now on presses come here."""
        if message.get("type") == "hello":
            self._greeted = self.current_session
            if self.trouble:
                log.info("socket.connected")
            self.trouble = ""
            metrics.slack_socket_connected.set(1)

    async def _receive(self, _client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        """Take one envelope, and acknowledge it."""
        if self.closed:
            return  # Slack gives it to another process, or again to this one after its start
        task = asyncio.current_task()  # the library makes one for each envelope
        self._presses.add(task)
        try:
            # A crash before the acknowledgement: the press comes again, and is known by its own id.
            if request.type != "interactive" or await self._take(mapping(request.payload)):
                with contextlib.suppress(AttributeError, ConnectionError, RuntimeError):  # none meanwhile: likewise
                    await self.send_socket_mode_response(SocketModeResponse(request.envelope_id))
        finally:
            self._presses.discard(task)
