"""Limits that the connections of one listener share: their number, their deadlines, and the memory of their requests.

A reverse proxy limits what one address may do. This keeps relay alive without one.
"""

import asyncio
import contextlib
import ctypes
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from relay import metrics
from relay.log_lines import RateLimitedLog
from relay.receiving.peers import Proxies

MAX_CONNECTIONS = 800
REQUEST_MEMORY = 32 * 2**20
OTHER_FILES = 224  # of Redis, Slack, mail servers, the log and child processes
FEWEST = 16
CONNECTION_MEMORY = 2**17  # bytes of a connection's buffers, beside its request
LARGE = 8 * 2**20  # bytes that were given back, after which memory is returned to the system


class Connection(Protocol):
    answering: bool
    held: int  # bytes of the request under way

    @property
    def receiving(self) -> bool:
        """Return whether its request is not complete yet."""
        ...

    def close_now(self, reason: str) -> None: ...

    def close_if_late(self, now: float) -> None: ...

    def close_if_idle(self) -> None: ...

    def refuse_request(self) -> None: ...


@dataclass(eq=False)
class Guard:
    """The limits of one listener; `listener` is its name in the metrics. Times are seconds."""

    max_connections: int = MAX_CONNECTIONS
    header_timeout: float = 10.0
    idle_timeout: float = 75.0
    write_timeout: float = 20.0
    memory: int = REQUEST_MEMORY  # bytes of requests that are not answered yet
    proxies: Proxies = field(default_factory=Proxies)
    listener: str = "public"
    clock: Callable[[], float] = time.monotonic
    leaving: bool = False  # every answer is the last one of its connection
    connections: dict[Connection, None] = field(default_factory=dict)  # in the order in which they were active
    answering: int = 0  # requests, also of clients that have hung up meanwhile
    held: int = 0  # bytes

    def __post_init__(self) -> None:
        self.lines = RateLimitedLog(self.clock)
        self._left = asyncio.Event()
        self._peak = 0  # memory since some was returned to the system

    def enter(self, connection: Connection) -> bool:
        """Count a connection. Where there are too many, close the one that is idle longest; False if none is."""
        if len(self.connections) >= self.max_connections:
            idle = next((each for each in self.connections if not each.answering), None)
            if idle is None:
                return False
            self.leave(idle)  # now, and not when its socket is closed
            idle.close_now("idle")
        self.connections[connection] = None
        self._note_peak()
        return True

    def begin(self) -> None:
        self.answering += 1

    def end(self, connection: Connection) -> None:
        self.answering -= 1
        self.release(connection)
        self.move_to_end(connection)
        self._left.set()

    def move_to_end(self, connection: Connection) -> None:
        """Note that it was active just now."""
        if connection in self.connections:  # else it is closed, and its handler went on
            del self.connections[connection]
            self.connections[connection] = None

    def leave(self, connection: Connection) -> None:
        self.connections.pop(connection, None)
        self.release(connection)
        self._left.set()

    def hold(self, connection: Connection, size: int) -> None:
        """Count bytes that came. Above the budget the largest of the requests that are still coming is refused."""
        connection.held += size
        self.held += size
        self._note_peak()
        while self.held > self.memory and connection.held:
            coming = (each for each in self.connections if each.receiving and each.held)
            largest = max(coming, key=lambda each: each.held, default=connection)
            self.release(largest)
            largest.refuse_request()

    def release(self, connection: Connection) -> None:
        self.held -= connection.held
        connection.held = 0

    def close_idle(self) -> None:
        for connection in [*self.connections]:
            connection.close_if_idle()

    async def wait_until_empty(self) -> None:
        while self.connections or self.answering:
            self._left.clear()
            await self._left.wait()

    async def sweep(self) -> None:
        """Until cancelled: close who is late, at the latest a tenth of its time, or a second, after that."""
        while True:
            await asyncio.sleep(min(1.0, self.header_timeout / 10))
            now = self.clock()
            for connection in [*self.connections]:
                connection.close_if_late(now)
            metrics.connections.labels(self.listener).set(len(self.connections))
            metrics.request_bytes.labels(self.listener).set(self.held)
            if self._peak - self._memory >= LARGE:
                self._peak = self._memory
                return_free_memory()

    @property
    def _memory(self) -> int:
        return self.held + CONNECTION_MEMORY * len(self.connections)

    def _note_peak(self) -> None:
        self._peak = max(self._peak, self._memory)


def return_free_memory() -> None:
    """Return to the system what the allocator would keep for good: 77 to 117 MB after 300 uploads of 1 MiB."""
    with contextlib.suppress(AttributeError):  # of glibc alone
        ctypes.CDLL(None).malloc_trim(0)


def possible_connections() -> int:
    """Raise the limit of open files as far as allowed, and return how many connections leave enough for others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return MAX_CONNECTIONS if soft == resource.RLIM_INFINITY else max(FEWEST, min(MAX_CONNECTIONS, soft - OTHER_FILES))
