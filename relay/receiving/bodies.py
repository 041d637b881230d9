"""Memory for bodies that are being received or handled, all connections together.

A body counts as it comes, not by the length that it claims, until its request is answered. When the budget is
exhausted, the largest body still in flight is aborted, if it is larger than the new one: a few slow and large bodies,
which cost a stranger nothing, cannot keep out the many events that are small and come whole.
"""

import asyncio
from dataclasses import dataclass, field

from relay import metrics
from relay.receiving.problems import HttpProblem

MOST = 32 * 2**20
PIECE = 48  # bytes that Python needs beside those of a piece, however small it is
DETAIL = "relay is receiving more at present than it has memory for. Send it again."

count_refused = metrics.Prepared(metrics.bodies_refused)


@dataclass(eq=False)
class Coming:
    """A body in flight; `deadline` is moved to now when it is aborted."""

    deadline: asyncio.Timeout
    size: int = 0
    aborted: bool = False
    pieces: list[bytes] = field(default_factory=list)  # a buffer that grows is moved again and again, and leaves gaps


class Bodies:
    """A budget of `most` bytes. `used` is what is taken of it, `peak` the most since a sweep."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.used = self.peak = 0
        self.coming: set[Coming] = set()

    def take(self, size: int, whole: int = 0) -> None:
        """Take so many bytes more, for a body of which `whole` are here then. HttpProblem if there is no room."""
        while self.used + size > self.most:
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
    count_refused("memory")
    return HttpProblem(503, DETAIL, close=True)
