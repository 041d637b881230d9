"""Limits that the connections of a listener share: places, deadlines, memory for bodies, lines in the log.

When all places are taken, the connection that has been idle longest is closed for a new one. A few places beyond
`max_connections` keep a busy relay from looking dead: whoever comes then is answered a probe, or 503.
"""

import asyncio
import contextlib
import ctypes
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from relay import metrics
from relay.receiving.peers import UNIX, Proxies, owner_of
from relay.receiving.problems import HttpProblem, RateLimitedLog

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 32 * 2**20
PIECE = 48  # bytes that Python needs beside those of a piece, however small it is
DETAIL = "relay is receiving more at present than it has memory for. Send it again."

MAX_CONNECTIONS = 800  # below the usual limit of 1024 open files, so that Redis, Slack and SMTP keep theirs
SHARE = 64
RESERVE = 16
PEER, FULL = "peer", "full"  # why there is no place: this address has enough, or all are taken
PROBES = frozenset({"/healthz", "/readyz"})
BUFFERED = 2**17  # bytes that a connection may hold beside its body
KEPT = 224  # files for Redis, Slack, mail servers, the log and the processes beside this one
FEWEST = 16
LARGE = 8 * 2**20  # bytes that were given back, after which memory is returned to the system


@dataclass(eq=False)
class Coming:
    """A body in flight; `deadline` is moved to now when it is aborted."""

    deadline: asyncio.Timeout
    size: int = 0
    aborted: bool = False
    pieces: list[bytes] = field(default_factory=list)  # a buffer that grows is moved again and again, and leaves gaps


class Bodies:
    """Bytes that bodies may take: `used` of the `budget` now, `peak` at most since a sweep."""

    def __init__(self, budget: int = MAX_BODY_BYTES) -> None:
        self.budget = budget
        self.used = self.peak = 0
        self.coming: set[Coming] = set()

    def take(self, size: int, whole: int = 0) -> None:
        """Take so many bytes more, for a body of which `whole` are here then. HttpProblem if there is no room."""
        while self.used + size > self.budget:
            largest = max(self.coming, key=lambda body: body.size, default=None)
            if largest is None or largest.size <= (whole or size):
                raise no_memory()
            self._abort(largest)
        self.used += size
        self.peak = max(self.peak, self.used)

    def give_back(self, size: int) -> None:
        self.used -= size

    def add(self, body: Coming, piece: bytes) -> None:
        """Take a piece that has come. HttpProblem if there is no room, or if the body was aborted just now."""
        if body.aborted:
            raise no_memory()
        size = len(piece) + PIECE
        self.take(size, body.size + size)
        body.size += size
        body.pieces.append(piece)

    def release(self, body: Coming) -> None:
        """Give its memory back, now: its task wakes later, and others may be aborted meanwhile."""
        self.coming.discard(body)
        self.give_back(body.size)
        body.pieces, body.size = [], 0

    def _abort(self, body: Coming) -> None:
        body.aborted = True
        self.release(body)
        if not body.deadline.expired():
            body.deadline.reschedule(asyncio.get_running_loop().time())


def no_memory() -> HttpProblem:
    """Count and return the refusal of a body for which there is no room."""
    metrics.bodies_refused.labels("memory").inc()
    return HttpProblem(503, DETAIL, close=True)


class Connection(Protocol):
    owner: str  # the address whose share it counts to; '' for none
    obstacle: str  # why it may ask for probes alone

    def evict(self) -> None: ...

    def give_up_if_late(self, now: float) -> None: ...

    def close_if_idle(self) -> None: ...


@dataclass(eq=False)
class Guard:
    """The limits of one listener; `listener` is its name in the metrics. Times are seconds."""

    max_connections: int = MAX_CONNECTIONS
    share: int = SHARE  # connections of one address, once half of all places are taken
    reserve: int = RESERVE
    header_timeout: float = 10.0
    idle_timeout: float = 75.0
    write_timeout: float = 20.0
    bodies: Bodies = field(default_factory=Bodies)
    proxies: Proxies = field(default_factory=Proxies)
    unshared: Proxies = field(default_factory=Proxies)  # addresses without a share, beside those of proxies
    probes: frozenset[str] = PROBES  # answered also while all places are busy
    listener: str = "public"
    clock: Callable[[], float] = time.monotonic
    leaving: bool = False  # every answer is the last one of its connection
    connections: set[Connection] = field(default_factory=set)
    idle: dict[Connection, None] = field(default_factory=dict)  # of these; the one that is idle longest comes first
    answering: int = 0  # requests, also of clients that have hung up meanwhile
    changed: asyncio.Event = field(default_factory=asyncio.Event)  # a connection or a request has ended

    def __post_init__(self) -> None:
        self.lines = RateLimitedLog(self.clock)
        self._owned: Counter[str] = Counter()
        self._peak = 0  # connections since memory was returned
        self._open = metrics.connections.labels(self.listener)
        self.evicted = metrics.connections_evicted.labels(self.listener)

    @property
    def quiet(self) -> bool:
        return not self.connections and not self.answering

    def owner(self, peer: str) -> str:
        """Return the address whose share a connection of this peer counts to; '' for none."""
        return "" if peer == UNIX or peer in self.proxies or peer in self.unshared else owner_of(peer)

    def enter(self, connection: Connection) -> str:
        """Give it a place, if need be that of an idle one. Return the reason where it gets none."""
        owner, count = connection.owner, len(self.connections)
        over = bool(owner) and count >= self.max_connections // 2 and self._owned[owner] >= self.share
        full = count >= self.max_connections + self.reserve
        if over or full:
            victim = next((idle for idle in self.idle if not over or idle.owner == owner), None)
            if victim:
                self.leave(victim)  # now, and not when its socket is closed: it is to make room
                victim.evict()
            elif full:
                return PEER if over else FULL
            else:
                connection.obstacle = PEER
        self.connections.add(connection)
        self._owned[owner] += 1
        self._peak = max(self._peak, len(self.connections))
        self.rest(connection)
        return ""

    def rest(self, connection: Connection) -> None:
        """From now on it is idle, unless it is gone."""
        self.idle.pop(connection, None)
        if connection in self.connections:
            self.idle[connection] = None

    def begin(self, connection: Connection) -> str:
        """Count a request of it. Return the reason where it may only be a probe."""
        self.idle.pop(connection, None)
        self.answering += 1
        return connection.obstacle or (FULL if self.answering > self.max_connections else "")

    def end(self, connection: Connection) -> None:
        self.answering -= 1
        self.rest(connection)
        self.changed.set()

    def leave(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.discard(connection)
            self.idle.pop(connection, None)
            self._owned[connection.owner] -= 1
            if not self._owned[connection.owner]:
                del self._owned[connection.owner]
        self.changed.set()

    async def sweep(self) -> None:
        """Until cancelled: close who is late, at the latest a tenth of its time, or a second, after that."""
        while True:
            await asyncio.sleep(min(1.0, self.header_timeout / 10))
            self.look(self.clock(), [*self.connections])

    def look(self, now: float, connections: Iterable[Connection]) -> None:
        """One sweep. Gauges are set here, where they cost no request anything."""
        for connection in connections:
            connection.give_up_if_late(now)
        self._open.set(len(self.connections))
        metrics.body_bytes.set(self.bodies.used)
        given_back = self.bodies.peak - self.bodies.used + BUFFERED * (self._peak - len(self.connections))
        if given_back >= LARGE:
            self.bodies.peak, self._peak = self.bodies.used, len(self.connections)
            release_free_memory()


def release_free_memory() -> None:
    """Return to the system what the allocator keeps for good otherwise: 300 uploads of 1 MiB left 77 to 117 MB, or 20
    where their bodies were refused unread. It takes up to 20 ms."""
    with contextlib.suppress(AttributeError):  # of glibc alone
        ctypes.CDLL(None).malloc_trim(0)


def affordable(connections: int, allowed: int | None = None) -> int:
    """Return so many connections, or as many as fit below the limit of open files, with a warning.

    Above the limit the system would refuse Redis and Slack as well as strangers. `allowed`: the limit, if it is known.
    """
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if allowed is None else allowed
    fitting = connections if soft == resource.RLIM_INFINITY else max(FEWEST, soft - KEPT)
    if fitting >= connections:
        return connections
    log.warning(
        "connections.limited",
        max_connections=connections,
        possible=fitting,
        open_files=soft,
        advice=f"raise the limit of open files to {connections + KEPT} (ulimit -n, LimitNOFILE= of systemd, --ulimit "
        f"nofile= of Docker), or set server.max_connections to {fitting}",
    )
    return fitting
