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

MOST = 64 * 2**20
DETAIL = "relay is receiving more at present than it has memory for. Send it again."

count_refused = metrics.Prepared(metrics.bodies_refused)


class Coming:
    """A body of which a part is here, and which may be put out."""

    def __init__(self) -> None:
        self.size = 0
        self.displaced = False
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

    def grow(self, size: int) -> None:
        """So many bytes more have come. Raises HttpProblem if it was put out just now."""
        if self.displaced:
            raise no_memory()
        self.size += size

    def displace(self) -> None:
        self.displaced = True
        if self._deadline and not self._deadline.expired():
            self._deadline.reschedule(asyncio.get_running_loop().time())


class Bodies:
    """A budget of `most` bytes. `used` is what is taken of it."""

    def __init__(self, most: int = MOST) -> None:
        self.most = most
        self.used = 0
        self._coming: set[Coming] = set()

    def take(self, size: int, whole: int = 0) -> None:
        """So many bytes more, of a body of which `whole` are then here. Raises HttpProblem if there is no room."""
        if self.used + size > self.most:
            self._make_room(size, whole or size)
        self.used += size

    def give_back(self, size: int) -> None:
        self.used -= size

    @contextmanager
    def coming(self) -> Iterator[Coming]:
        """A body that may be put out for others, until it is whole."""
        body = Coming()
        self._coming.add(body)
        try:
            yield body
        finally:
            self._coming.discard(body)

    def _make_room(self, size: int, whole: int) -> None:
        """Those who are put out give their bytes back when they wake; here these are free at once."""
        free = self.most - self.used + sum(body.size for body in self._coming if body.displaced)
        while free < size:
            biggest = max((body for body in self._coming if not body.displaced), key=_size, default=None)
            if biggest is None or biggest.size <= whole:
                raise no_memory()
            biggest.displace()
            free += biggest.size


def no_memory() -> HttpProblem:
    """The refusal of a body for which there is no room."""
    count_refused("memory")
    return HttpProblem(503, DETAIL, close=True)


def _size(body: Coming) -> int:
    return body.size
