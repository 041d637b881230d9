"""Events that come too early: a callback may overtake, by milliseconds, the webhook that tells of its operation."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from relay.domain.deliveries import Accepted
from relay.errors import NoRoom, NotYetKnown

PAUSES = (0.05, 0.2, 0.75)  # seconds, less than any sender waits for an answer
MOST = 32  # that wait at a time; others are asked to come again, so whoever has a token holds up no more than these


class Early:
    """Tries again, for a second, what is not yet known. Nothing is kept of it: a crash here costs a sender its answer.

    A 503 would cost the sender a try each time, and its next one is far away: by that time the next progress is here.
    """

    def __init__(self, pauses: Sequence[float] = PAUSES, most: int = MOST) -> None:
        self._pauses = pauses
        self._most = most
        self._waiting = 0

    async def patiently(self, ingest: Callable[[], Awaitable[Accepted]]) -> Accepted:
        """What `ingest` answers. Raises NotYetKnown where the operation is still not known at the end, and NoRoom
        where too many wait to find that out: of these nobody can say that nobody knows them."""
        try:
            return await ingest()
        except NotYetKnown as error:
            refusal = error
        if self._waiting >= self._most:
            raise NoRoom(f"{refusal}; {self._most} others wait for theirs to become known") from refusal
        self._waiting += 1
        try:
            for pause in self._pauses:
                await asyncio.sleep(pause)
                try:
                    return await ingest()
                except NotYetKnown as error:
                    refusal = error
        finally:
            self._waiting -= 1
        raise refusal
