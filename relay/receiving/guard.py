"""What the connections of a listener share: their places, their deadlines, their memory, their lines in the log.

Deadlines are looked at together, in sweeps: a timer for each request would cost more than its headers.
"""

import asyncio
import contextlib
import ctypes
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from relay import metrics
from relay.receiving import admission
from relay.receiving.admission import Admission
from relay.receiving.bodies import Bodies
from relay.receiving.peers import UNIX, Proxies, owner_of
from relay.receiving.problems import RateLimitedLog

PROBES = frozenset({"/healthz", "/readyz"})
BUFFERED = 2**17  # bytes that a connection may hold beside its body
LARGE = 8 * 2**20  # bytes that were given back, after which memory is returned to the system
PROBE_TIMEOUT = 2.0  # seconds for the headers of those who have a place of the reserve


class Connection(admission.Connection, Protocol):
    def give_up_if_late(self, now: float) -> None: ...

    def close_if_idle(self) -> None: ...


@dataclass(eq=False)
class Guard:
    """Made for one listener, or shared by several: `listener` is what the metrics call it.

    Times are seconds: until a request's headers are there, between two requests, and until an answer is read.
    """

    header_timeout: float = 10.0
    idle_timeout: float = 75.0
    write_timeout: float = 20.0
    admission: Admission = field(default_factory=Admission)
    bodies: Bodies = field(default_factory=Bodies)
    proxies: Proxies = field(default_factory=Proxies)
    unshared: Proxies = field(default_factory=Proxies)  # whose connections are many people's, beside those of proxies
    probes: frozenset[str] = PROBES  # what those of the reserve may ask
    listener: str = "public"
    clock: Callable[[], float] = time.monotonic
    leaving: bool = False  # every answer is the last one of its connection
    connections: set[Connection] = field(default_factory=set)
    answering: int = 0  # also to those who have hung up meanwhile
    changed: asyncio.Event = field(default_factory=asyncio.Event)  # one of the two has become less

    def __post_init__(self) -> None:
        self.lines = RateLimitedLog(self.clock)
        self._most = 0  # connections since memory was returned
        self._open = metrics.connections.labels(self.listener)
        self.evicted = metrics.connections_evicted.labels(self.listener)
        self.refused = metrics.Prepared(metrics.connections_refused, self.listener)
        self.given_up = metrics.Prepared(metrics.connections_given_up, self.listener)

    @property
    def quiet(self) -> bool:
        return not self.connections and not self.answering

    def owner(self, peer: str) -> str:
        """Whose share of the places a connection of this peer counts to; '' if to nobody's."""
        return "" if peer == UNIX or peer in self.proxies or peer in self.unshared else owner_of(peer)

    def enter(self, connection: Connection) -> str:
        """Let it in, or say why not."""
        if obstacle := self.admission.enter(connection):
            return obstacle
        self.connections.add(connection)
        self._most = max(self._most, len(self.connections))
        return ""

    def leave(self, connection: Connection) -> None:
        self.admission.leave(connection)
        self.connections.discard(connection)
        self.changed.set()

    async def sweep(self) -> None:
        """Until it is cancelled: give up who is late, at the latest a tenth of its time, or a second, after that."""
        while True:
            await asyncio.sleep(min(1.0, self.header_timeout / 10))
            self.look(self.clock(), [*self.connections])

    def look(self, now: float, connections: Iterable[Connection]) -> None:
        """One sweep. Gauges are set here, where they cost no request anything."""
        for connection in connections:
            connection.give_up_if_late(now)
        self.admission.all_busy = False  # who sends its headers slowly becomes idle by time alone
        self._open.set(len(self.connections))
        metrics.body_bytes.set(self.bodies.used)
        given_back = self.bodies.peak - self.bodies.used + BUFFERED * (self._most - len(self.connections))
        if given_back >= LARGE:
            self.bodies.peak, self._most = self.bodies.used, len(self.connections)
            release_free_memory()


def release_free_memory() -> None:
    """Return to the system what the allocator keeps for good otherwise: 300 uploads of 1 MiB left 77 to 117 MB, or 20
    where their bodies were refused unread. It takes up to 20 ms."""
    with contextlib.suppress(AttributeError):  # of glibc alone
        ctypes.CDLL(None).malloc_trim(0)
