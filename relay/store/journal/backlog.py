"""Entries that wait for a decision, of this process, of the inbox and of those that could not be read: which is next.

A process that does not own the partition passes its entries on to the owner's inbox.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import structlog

from relay.errors import RelayError, StoreUnavailable, handling
from relay.store.journal.inbox import Inbox
from relay.store.journal.items import Id, Item, Queue
from relay.store.journal.pace import Pace
from relay.store.journal.term import Term
from relay.store.keys import WAITING

GATHER, IN_VAIN = 0.025, 3  # seconds that what comes may join a commit; passes of the loop without anything that does
RETRY_WAITING = 60.0  # seconds between two tries of what cannot be read
FOR_WAITING = 8  # one in so many of a full commit's entries is one of these
log = structlog.get_logger(__name__)


class NotOwner(StoreUnavailable):
    """Only the owner of the partition can do this, and that is another process."""


class Backlog:
    """`poll`: seconds between two looks into the inbox of an owner without work."""

    def __init__(self, queue: Queue, inbox: Inbox, pace: Pace, monotonic: Callable[[], float], *, alone: bool) -> None:
        """`alone`: no other process takes events, so nothing has to be read before an event is decided."""
        self._queue, self._inbox, self._monotonic, self._alone = queue, inbox, monotonic, alone
        self.poll = pace.poll_alone if alone else pace.poll
        self._most_tried = pace.waiting
        self._read_at = self._retried = 0.0
        self._odd = 0  # 1 in every other turn
        self._round = deque[str]()  # entries that wait, and have not been tried again in this minute
        self._again = deque[Item]()  # those of them that a commit gave back

    async def begin(self) -> Id:
        """Begin a term; return the newest entry that was in the inbox before."""
        self._retried = self._monotonic() - RETRY_WAITING
        self._round.clear()
        self._again.clear()
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

    async def take(self, term: Term) -> list[Item]:
        """Take what the next commit decides, as much as it may."""
        unplaced = [] if self._alone else self._queue.unplaced()
        if unplaced or self._inbox.has_more or self._monotonic() - self._read_at >= self.poll:
            self._read_at = self._monotonic()
            newest = await self._inbox.read()
            for item in unplaced:
                item.follows = newest
        waiting = await self._waiting(term)  # before anything is taken, which a failure would lose
        items = self._next_items(term.limit - min(len(self._round) + len(self._again), term.limit // FOR_WAITING))
        return items + self._next_waiting(waiting, min(self._most_tried, term.limit - len(items)))

    def put_back(self, items: Sequence[Item]) -> None:
        """Let these be the next again."""
        self._inbox.put_back(items)
        self._queue.put_back(items)
        self._again.extendleft(reversed([item for item in items if item.waits]))

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

    async def _waiting(self, term: Term) -> Mapping[str, bytes]:
        """Return entries that could not be read, and are to be tried again: all of them, once a minute."""
        if not self._round and self._monotonic() - self._retried <= RETRY_WAITING:
            return {}
        table = await term.table(WAITING, bytes, anew=not self._round)  # people may have taken some out
        if not self._round:
            self._retried = self._monotonic()
            self._round.extend(sorted(table))
            if table:
                log.warning("entry.waits", count=len(table))
        return table

    def _next_waiting(self, table: Mapping[str, bytes], most: int) -> list[Item]:
        """Take some of them: first of all what a commit that failed gave back."""
        items = [self._again.popleft() for _ in range(min(most, len(self._again)))]
        names = [self._round.popleft() for _ in range(min(most - len(items), len(self._round)))]
        return items + [self._inbox.item_of(table[name], waits=name) for name in names if name in table]

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
