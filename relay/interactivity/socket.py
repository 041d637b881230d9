"""Connection to Slack by which presses come, one for each process that receives."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Protocol

import structlog

log = structlog.get_logger(__name__)

CHECK = "slack:socket"
BROKEN = "the connection to Slack broke; another one is being opened"

Take = Callable[[Mapping[str, Any]], Coroutine[Any, Any, bool]]


class Connection(Protocol):
    """Connection that the channel keeps open."""

    trouble: str  # why there is none; '' if there is one

    @property
    def connected(self) -> bool: ...
    async def run(self) -> None: ...
    async def aclose(self, grace: float) -> None: ...


class PressSocket:
    """Connection of the current configuration; `channel`: None without Socket Mode. `take` makes a press durable."""

    GRACE = 3.0  # seconds for what is under way on a connection that a reload replaces

    def __init__(self, channel: Callable[[], Any], take: Take) -> None:
        self._channel = channel
        self._take = take
        self._used: Any = None
        self._connection: Connection | None = None
        self._running: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    def renew(self) -> None:
        """Connect as the configuration says now. A connection that it does not change stays."""
        channel = self._channel()
        if channel is self._used:
            return
        if self._connection:
            leaving = asyncio.create_task(_left(self._connection, self._running, self.GRACE))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
        self._used, self._connection, self._running = channel, None, None
        if channel:
            self._connection = channel.socket(self._take)
            self._running = asyncio.create_task(self._run(self._connection))

    def notices(self) -> dict[str, str]:
        """Return a notice for operators that presses do not arrive, and why; empty while they do."""
        if self._connection is None or self._connection.connected:
            return {}
        return {CHECK: f"buttons do nothing: {self._connection.trouble or BROKEN}"}

    async def aclose(self, grace: float) -> None:
        """Take nothing more, and let the presses being taken end within `grace` seconds."""
        if self._connection:
            await _left(self._connection, self._running, grace)
        self._connection = self._used = None
        if self._leaving:
            await asyncio.wait(self._leaving, timeout=grace)

    async def _run(self, connection: Connection) -> None:
        try:
            await connection.run()
        except Exception as error:  # noqa: BLE001 - whatever it is: events and messages go on without buttons
            connection.trouble = f"{type(error).__name__}; start relay again"
            log.error("socket.failed", error=type(error).__name__)


async def _left(connection: Connection, running: asyncio.Task[None] | None, grace: float) -> None:
    await connection.aclose(grace)
    if running:
        running.cancel()
        await asyncio.wait([running])
