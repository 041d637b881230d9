"""Entries that wait for a decision, of this process and of the inbox: which is next.

A process that does not own the partition passes its entries on to the owner's inbox.
"""

import asyncio
from collections.abc import Callable, Sequence

from relay.errors import RelayError, StoreUnavailable, handling
from relay.store.journal.inbox import Inbox
from relay.store.journal.items import Id, Item, Queue
from relay.store.journal.pace import Pace

GATHER, IN_VAIN = 0.025, 3  # seconds that what comes may join a commit; passes of the loop without anything that does


class NotOwner(StoreUnavailable):
    """Only the owner of the partition can do this, and that is another process."""


class Backlog:
    """`poll`: seconds between two looks into the inbox of an owner without work."""

    def __init__(self, queue: Queue, inbox: Inbox, pace: Pace, monotonic: Callable[[], float], *, alone: bool) -> None:
        """`alone`: no other process takes events, so nothing has to be read before an event is decided."""
        self._queue, self._inbox, self._monotonic, self._alone = queue, inbox, monotonic, alone
        self.poll = pace.poll_alone if alone else pace.poll
        self._read_at = 0.0
        self._odd = 0  # 1 in every other turn

    async def begin(self) -> Id:
        """Begin a term; return the newest entry that was in the inbox before."""
        self._inbox.forget()
        self._queue.displace()
        return await self._inbox.read()

    async def gather(self, limit: int) -> None:
        """Let what is about to come join those that wait: most of what a commit costs, it costs once.

        One that comes alone need not wait for others.
        """
        began, count, in_vain = self._monotonic(), len(self._queue), 0
        while 1 < count < limit and in_vain < IN_VAIN and self._monotonic() - began < GATHER:
            await asyncio.sleep(0)
            count, in_vain = len(self._queue), in_vain + 1 if len(self._queue) == count else 0

    async def take(self, limit: int) -> list[Item]:
        """Take what the next commit decides, up to so many."""
        unplaced = [] if self._alone else self._queue.unplaced()
        if unplaced or self._inbox.has_more or self._monotonic() - self._read_at >= self.poll:
            self._read_at = self._monotonic()
            newest = await self._inbox.read()
            for item in unplaced:
                item.follows = newest
        return self._next_items(limit)

    def put_back(self, items: Sequence[Item]) -> None:
        """Let these be the next again."""
        self._inbox.put_back(items)
        self._queue.put_back(items)

    def _next_items(self, most: int) -> list[Item]:
        """Take what is next of everything that waits: receipts and acts, the inbox, events that follow what it had.

        Where one entry goes at a time, acts and the inbox take turns.
        """
        queue, inbox = self._queue, self._inbox
        self._odd ^= 1
        items = queue.take(queue.acts, (most + self._odd) // 2 if inbox.pending else most)
        items += inbox.take(most - len(items))
        return items + queue.take(queue.events, most - len(items), self._is_next)

    def _is_next(self, item: Item) -> bool:
        return self._alone or (item.follows is not None and self._inbox.has_passed(item.follows))

    async def pass_on(self) -> bool:
        """Leave all in the owner's inbox, and keep what is not there yet; False for nothing. The error of one of these.

        What only an owner can do is answered NotOwner.
        """
        items = self._queue.take_all()
        for item in items:
            if item.only_owner:
                item.answer(NotOwner("another process owns the partition"))
        rest = [item for item in items if not item.only_owner]
        try:
            outcomes = await asyncio.gather(*(self._append(item) for item in rest), return_exceptions=True)
        finally:
            self._queue.put_back(item for item in rest if not item.is_answered)
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome
        return bool(items)

    async def _append(self, item: Item) -> None:
        try:
            with handling():
                item.answer(await self._inbox.append(item))
        except StoreUnavailable as error:
            if item.is_receipt or item.act:  # appended again, an act is answered as it was before
                raise
            item.answer(error)
        except RelayError as error:
            item.answer(error)
