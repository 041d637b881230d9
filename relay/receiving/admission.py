"""Who gets one of the places that there are for connections, and whose is taken back for that.

Whoever is idle is owed nothing, and loses nothing but a handshake: it goes before anybody is refused. As soon as half
of the places are taken no stranger has more than its share, and whoever comes when all are taken by requests may still
ask for a probe: a relay that is busy must not look dead.
"""

from collections import deque
from heapq import nsmallest
from math import inf
from operator import attrgetter
from typing import Protocol

MOST = 800  # below the usual limit of 1024 open files, so that Redis, Slack and SMTP keep theirs
SHARE = 64
RESERVE = 16
PEER, FULL = "peer", "full"  # why there is no place: its owner has enough, or all are taken
BATCH = 32  # idle connections that one look at all of them finds


class Connection(Protocol):
    """What is asked of a connection here."""

    owner: str  # '' for whom there is no limit
    answering: bool

    @property
    def idle_since(self) -> float:
        """Since when it is owed nothing; inf while it is."""

    def unheard(self) -> bool:
        """Whether something of it has come that nobody has read yet."""

    def evict(self, obstacle: str) -> None:
        """Close it at once; because of the obstacle it never had a place."""


class Crowd:
    """Connections, of which the one can be had that has been idle longest."""

    def __init__(self) -> None:
        self.members: set[Connection] = set()
        self._idle: deque[tuple[float, Connection]] = deque()  # as they were when all were looked at: longest first

    def longest_idle(self) -> Connection | None:
        victim = self._next()
        if victim is None:
            longest = nsmallest(BATCH, self.members, key=attrgetter("idle_since"))
            self._idle.extend((since, member) for member in longest if (since := member.idle_since) < inf)
            victim = self._next()
        return victim

    def _next(self) -> Connection | None:
        while self._idle:
            since, connection = self._idle.popleft()
            if connection in self.members and connection.idle_since == since and not connection.unheard():
                return connection
        return None


class Admission:
    """The places. `placed` are those who have one, `reserved` those who may ask for a probe."""

    def __init__(self, most: int = MOST, share: int = SHARE, reserve: int = RESERVE) -> None:
        self.most, self.share, self.reserve = most, share, reserve
        self.placed = Crowd()
        self.reserved: dict[Connection, str] = {}  # and why they got no place; the longest there first
        self.all_busy = False  # as all were looked at, and none has come to rest since: newcomers cost no look then
        self._owners: dict[str, Crowd] = {}

    def enter(self, connection: Connection) -> str:
        """Give it a place, or one of the reserve, which another may lose for that. Else: why not."""
        if not (obstacle := self._obstacle(connection)):
            self._place(connection)
            return ""
        if victim := self._longest_idle(connection, obstacle):
            self._remove(victim, "")
            self._place(connection)
            return ""
        if len(self.reserved) >= self.reserve:
            victim = self._longest_reserved()
            if victim is None or (obstacle == PEER != self.reserved[victim]):
                return obstacle
            self._remove(victim, self.reserved[victim])
        self.reserved[connection] = obstacle
        return ""

    def promote(self, connection: Connection) -> bool:
        """Whether one of the reserve has a place now, because there is room again."""
        if connection in self.reserved:
            if self._obstacle(connection):
                return False
            del self.reserved[connection]
            self._place(connection)
        return True

    def leave(self, connection: Connection) -> None:
        """It is gone, or is about to be."""
        self.reserved.pop(connection, None)
        self.placed.members.discard(connection)
        if crowd := self._owners.get(connection.owner):
            crowd.members.discard(connection)
            if not crowd.members:
                del self._owners[connection.owner]

    def _longest_idle(self, newcomer: Connection, obstacle: str) -> Connection | None:
        if obstacle == PEER:
            return self._owners[newcomer.owner].longest_idle()
        if self.all_busy:
            return None
        victim = self.placed.longest_idle()
        self.all_busy = victim is None
        return victim

    def _longest_reserved(self) -> Connection | None:
        """Of those who have not asked yet: first whose owner has its share, or one stranger could keep all out."""
        silent = [waiting for waiting in self.reserved if not waiting.answering]
        return min(silent, key=lambda waiting: self.reserved[waiting] != PEER, default=None)

    def _remove(self, victim: Connection, obstacle: str) -> None:
        self.leave(victim)  # now, and not when its socket is closed: it is to make room
        victim.evict(obstacle)

    def _place(self, connection: Connection) -> None:
        self.placed.members.add(connection)
        self.all_busy = False
        if connection.owner:
            self._owners.setdefault(connection.owner, Crowd()).members.add(connection)

    def _obstacle(self, connection: Connection) -> str:
        """Why there is no free place for it."""
        placed, own = len(self.placed.members), self._owners.get(connection.owner)
        if own and len(own.members) >= self.share and placed >= self.most // 2:
            return PEER
        return FULL if placed >= self.most else ""
