"""The owner's loop: what arrives is decided in batches, each is one commit, and answers wait until it is confirmed.

One commit is in flight at a time, and nothing is decided on a state in doubt: whether a commit was done is found out by
the same commit again. Where Redis holds other data than was committed last, everything is forgotten and a new term
begins. A process that does not own the partition appends what arrives to the owner's inbox.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import structlog
from redis.asyncio import Redis

from relay.errors import StoreUnavailable, relay_line
from relay.store.journal.backlog import Backlog
from relay.store.journal.batch import Rules
from relay.store.journal.cache import Cache
from relay.store.journal.clock import PartitionClock, time_of
from relay.store.journal.inbox import TAKEN, Inbox
from relay.store.journal.items import NOTHING, Admission, Item, Queue
from relay.store.journal.lease import RENEWED, Lease, Taken
from relay.store.journal.pace import PACE, Pace
from relay.store.journal.reading import OtherData, Reading
from relay.store.journal.scripts import Scripts
from relay.store.journal.term import PAUSES, Term

COMPANY = 0.05  # seconds that changes of lazy entries wait for a commit of others
EXPIRE = 0.5
JOINING = 2.0  # seconds
log = structlog.get_logger(__name__)


class Partition:
    """`settings` may be replaced at any moment: what is decided from then on goes by the new ones.

    process   the name of this process and its start
    emptied   the data was found deleted, until that is asked for
    """

    def __init__(
        self,
        redis: Redis,
        rules: Rules,
        settings: Any,
        *,
        process: str,
        replicas: int = 0,
        alone: bool = False,
        may_own: bool = True,
        pace: Pace = PACE,
        clock: Callable[[], float] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`alone`: no other process takes events, so nothing has to be read before an event is decided."""
        self.settings = settings
        self._rules, self._may_own, self._monotonic, self._pace = rules, may_own, monotonic, pace
        self.scripts = Scripts(redis, replicas, pace.confirmed)
        self._queue = Queue(monotonic)
        self._clock = PartitionClock(monotonic, clock)
        self._inbox = Inbox(self.scripts, rules.codec, pace.inbox_page)
        self._backlog = Backlog(self._queue, self._inbox, pace, monotonic, alone=alone)
        self._lease = Lease(self.scripts, process, monotonic, at_once=alone, may_own=may_own)
        self.process = self._lease.process
        self._term: Term | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._leaving = self._closing = False
        self._lent_at = 0.0
        self._joined = asyncio.Event()
        self._committed = False
        self.emptied = False
        self.due: Callable[[Iterable[str]], None] = lambda channels: None  # noqa: ARG005 - called with what may be due
        self.decided: Callable[[Any, Any], None] = lambda entry, outcome: None  # noqa: ARG005 - called with each

    # What others use

    @property
    def owns(self) -> bool:
        return self._term is not None

    @property
    def term(self) -> int:
        """The number of this owner's term; 0 where the partition is not this process's."""
        return self._term.number if self._term else 0

    @property
    def is_owned(self) -> bool:
        """Return True where any process owned it a moment ago."""
        return self._lease.is_owned

    @property
    def living(self) -> frozenset[str]:
        """Processes that gave a sign of life within the last seconds."""
        return self._lease.living

    @property
    def damaged(self) -> Mapping[str, str]:
        """Return what this owner found that cannot be read, by the key, and why."""
        return self._term.cache.damaged if self._term else {}

    def take_set_back(self) -> int:
        """Return the ms by which Redis's clock was set back since this was last asked."""
        step, self._clock.set_back = self._clock.set_back, 0
        return step

    def may_send(self) -> bool:
        """Return True where a first byte may leave: the lease has time left, by this process's own clock."""
        return self._term is not None and self._lease.may_send()

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._run()), *(self._tasks or [asyncio.create_task(self._expire())])]

    async def joined(self) -> None:
        """Wait until it is known whether this process owns the partition, but not for long."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._joined.wait(), JOINING)

    async def hand_over(self) -> None:
        """Let another process own it, once one lives. What is being sent goes on, and its receipts go by the inbox."""
        self._leaving = True
        self._queue.wake.set()

    async def aclose(self) -> None:
        """Take no more events, finish what is here, and let another process own the partition at once."""
        self._closing = True
        self._queue.wake.set()
        if len(self._tasks) > 1:
            await asyncio.wait(self._tasks[:1], timeout=self._pace.stopping)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._forget()
        for item in self._queue.take_all():
            item.answer(StoreUnavailable("relay has stopped"))

    async def submit(
        self,
        entry: Any,
        *,
        act: str = "",
        admission: Admission = Admission.ALWAYS,
        lazy: bool = False,
        only_owner: bool = False,
        in_order: bool = False,
        brief: bool = False,
        patience: float | None = None,
    ) -> Any:
        """Return the step's answer once everything that it rests on is confirmed; TAKEN where the owner is elsewhere.

        act         id of an act of people, which counts once however often it is submitted
        admission   what it is, for the case that too much waits
        lazy        its changes go with the next commit, and its answer comes at once
        only_owner  not for another process: NotOwner
        in_order    after what is in the inbox, as events are
        brief       StoreUnavailable after a while, for whoever tries again
        patience    seconds that an act waits for the answer of another process
        """
        if self._closing and (admission > Admission.ALWAYS or all(task.done() for task in self._tasks)):
            raise StoreUnavailable("relay is stopping")
        if not self._tasks:  # Redis is away, and who waits is not to wait for it for ever
            self._tasks = [asyncio.create_task(self._expire())]
        answered = asyncio.get_running_loop().create_future()
        own = lazy or only_owner
        item = Item(entry, act, admission, lazy, answered=answered, only_owner=own, in_order=in_order, brief=brief)
        self._queue.add(item)
        answer = await answered
        if answer is TAKEN and act:
            return await self._inbox.answer(act, self._pace.answered if patience is None else patience)
        return answer

    # The loop

    async def _run(self) -> None:
        pause, longest = PAUSES
        while not self._closing or len(self._queue):
            try:
                await (self._turn(self._term) if self._term else self._stand_by())
                pause = PAUSES[0]
                continue
            except OtherData:
                log.warning("partition.lost", term=self._lease.term)
                self._forget()
            except StoreUnavailable as error:
                log.debug("partition.waiting", reason=str(error))  # relay/outage.py reports the outage
            except (Exception, asyncio.CancelledError) as error:  # the loop goes on, whatever it is
                task = asyncio.current_task()
                if isinstance(error, asyncio.CancelledError) and task and task.cancelling():
                    raise
                log.error("partition.failed", error=type(error).__name__, at=relay_line(error))
                self._forget()
            await asyncio.sleep(pause)
            pause = min(2 * pause, longest)
        await self._lease.give()

    async def _turn(self, term: Term) -> None:
        self._queue.wake.clear()
        if self._leaving and self._lease.has_successor:
            if term.carries:
                await self._commit(term, [])
            await self._lease.give(lives_on=True)
            log.info("partition.handed_over", term=term.number)
            self._forget()
            return
        await self._renew(term.mark)
        await self._backlog.gather(term.limit)
        await self._lend(term)
        items, poll = await self._backlog.take(term.limit), self._backlog.poll
        if items or (term.carries and self._monotonic() - self._lent_at >= COMPANY):
            await self._commit(term, items)
        else:
            await self._idle(min(COMPANY, poll) if term.carries else poll)

    async def _renew(self, mark: str) -> None:
        if self._lease.is_due:
            ms = await self._lease.renew(mark)
            if ms is None:
                raise OtherData
            self._clock.hear(ms)

    async def _lend(self, term: Term) -> None:
        """Hand out. What was left in the inbox at a taking over comes first: there may be pauses and presses in it."""
        if not self._inbox.has_passed(term.left):
            return
        while lazy := self._queue.take(self._queue.lazy, term.limit):
            if not term.carries:
                self._lent_at = self._monotonic()
            try:
                lazy = await term.lend(lazy, self.settings)
            finally:
                self._queue.lazy.extendleft(reversed([item for item in lazy if not item.is_answered]))

    async def _commit(self, term: Term, items: Sequence[Item]) -> None:
        left = items
        try:
            left = await term.commit(items, self.settings)
            self._committed = True
            if channels := term.take_due():
                self.due(channels)
        finally:
            self._backlog.put_back(left)

    async def _idle(self, seconds: float) -> None:
        """Wait for something that came since this turn began, or comes."""
        wake = self._queue.wake
        timer = asyncio.get_running_loop().call_later(seconds, wake.set)
        await wake.wait()
        timer.cancel()

    def _decided(self, entry: Any, outcome: Any) -> None:
        self.decided(entry, outcome)

    # Who owns it

    async def _stand_by(self) -> None:
        self._queue.wake.clear()
        if self._lease.is_due:
            if not self._may_own or self._leaving or self._closing:
                await self._lease.pulse()
            elif taken := await self._lease.take():
                await self._begin(taken)
                self._joined.set()
                return
            self._joined.set()
        if not await self._backlog.pass_on():
            await self._idle(RENEWED)

    async def _begin(self, taken: Taken) -> None:
        self.emptied |= self._committed and not taken.mark
        self._clock.begin(time_of(taken.mark), taken.ms)
        cache = Cache(Reading(self.scripts, self._rules.codec, self._renew, self._pace.index_page), self._pace.hot)
        term = Term(taken, self._rules, cache, self._clock, self._inbox, decided=self._decided)
        newest = await self._backlog.begin()
        term.left = NOTHING if taken.in_order else newest
        self._lease.begun = taken.term
        self._term = term
        if self._rules.take_over:
            living = sorted({*self._lease.living, self.process})
            self._queue.add(Item(self._rules.take_over(living), only_owner=True, in_order=True))
        log.info("partition.owned", term=taken.term)

    def _forget(self) -> None:
        self._term = None
        self._lease.lose()

    async def _expire(self) -> None:
        excused = False
        while True:
            asked = self._monotonic()
            await asyncio.sleep(EXPIRE)
            # Once after the event loop was held: what Redis has confirmed meanwhile is answered first.
            excused = not excused and self._monotonic() - asked > 2 * EXPIRE
            if not excused:
                self._queue.expire()
