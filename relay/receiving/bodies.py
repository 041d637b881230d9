"""What the bodies that are being received or handled may take of the memory, all connections together.

A body counts as it comes, not by the length that it claims, until its request is answered. What does not fit puts out
the biggest of those that are still coming, if that is bigger than itself: a few slow and large ones, which cost a
stranger nothing, cannot keep out the many events that are small and come whole.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from relay import metrics
from relay.receiving.problems import HttpProblem

MOST = 32 * 2**20
PIECE = 48  # bytes that Python needs beside those of a piece, however small it is
DETAIL = "relay is receiving more at present than it has memory for. Send it again."

count_refused = metrics.Prepared(metrics.bodies_refused)


class Coming:
    """A body of which a part is here, and which may be put out. Its pieces count in `bodies` until it is released."""

    def __init__(self, bodies: "Bodies") -> None:
        self.size = 0
        self.displaced = False
        self._bodies = bodies
        self._pieces: list[bytes] = []  # as they come: a buffer that grows is moved again and again, and leaves gaps
        self._deadline: asyncio.Timeout | None = None

    @asynccontextmanager
    async def waiting(self, seconds: float) -> AsyncIterator[asyncio.Timeout]:
        """Wait for it within this. TimeoutError if it was too slow, HttpProblem if it was put out."""
        try:
            async with asyncio.timeout(seconds) as self._deadline:
                yield self._deadline
        except TimeoutError:
            if self.displaced:
                raise no_memory() from None
            raise

    def add(self, piece: bytes) -> None:
        """Take a piece that has come. Raises HttpProblem if there is no room, or if it was put out just now."""
        if self.displaced:
            raise no_memory()
        size = len(piece) + PIECE
        self._bodies.take(size, self.size + size)
        self.size += size
        self._pieces.append(piece)

    def joined(self) -> bytes:
        """The whole body. Raises HttpProblem if it was put out at this very moment."""
        if self.displaced:
            raise no_memory()
        return b"".join(self._pieces)

    def displace(self) -> None:
        self.displaced = True
        self.release()
        if self._deadline and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time())

    def release(self) -> None:
        """Give its memory back, now: whoever waits for it wakes later, and others may be put out meanwhile."""
        self._pieces.clear()
        self._bodies.give_back(self.size)
        self.size = 0


class Bodies:
    """A budget of `most` bytes. `used` is what is taken of it, `peak` the most since a sweep."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.used = self.peak = 0
        self._coming: set[Coming] = set()

    def take(self, size: int, whole: int = 0) -> None:
        """So many bytes more, of a body of which `whole` are then here. Raises HttpProblem if there is no room."""
        while self.used + size > self.most:
            biggest = max(self._coming, key=_size, default=None)
            if biggest is None or biggest.size <= (whole or size):
                raise no_memory()
            biggest.displace()
        self.used += size
        self.peak = max(self.peak, self.used)

    def give_back(self, size: int) -> None:
        self.used -= size

    @contextmanager
    def coming(self) -> Iterator[Coming]:
        """A body that may be put out for others, until it is whole."""
        body = Coming(self)
        self._coming.add(body)
        try:
            yield body
        finally:
            self._coming.discard(body)
            body.release()


def no_memory() -> HttpProblem:
    """The refusal of a body for which there is no room."""
    count_refused("memory")
    return HttpProblem(503, DETAIL, close=True)


def _size(body: Coming) -> int:
    return body.size
