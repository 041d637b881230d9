"""What holds after every step: the ledger adds up, whatever waits is found, and each index says what records say."""

import pickle
from collections import Counter
from collections.abc import Iterator
from functools import cache
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from relay.engine import records
from relay.engine.bodies import text_of
from relay.engine.draft import Draft
from relay.engine.lanes import URGENCIES
from relay.engine.records import DEAD, FLYING, HELD, MAIN, PARKING, REPLIES, Body, Bundle, Delivery, Operation, Thread
from relay.engine.state import Changes, Record
from tests.support.memory import Memory

EVERY = 25  # steps between two looks at everything
BIGGEST = 16_000  # bytes of a record
STATES = ("pending", "delivered", "superseded", "digested", "dead", "dropped")
CONVERGING = ("live", "rolling")
GROWING = (Operation, Thread, Bundle)
OF_ALL = ("name", "PREFIX", "KEPT")  # not values of a record
UNREADABLE = "KeyError at composer.py"  # what a sender of a life says that cannot read one
FAULTY = 5  # faults that are listed


class Invariants:
    """Looks at what each step changed, and at everything once in a while. Fails with what is wrong."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._steps = 0
        self._written: dict[str, bytes] = {}  # records as they were written

    def check(self, changes: Changes, now: int) -> None:
        self._steps += 1
        for key, record in changes.records.items():
            self._written[key] = pickle.dumps(record)
        faults = [*self._ledger()]
        if self._steps % EVERY:
            faults += self._changed(changes, now)
        else:
            faults += self.whole(now)
        assert not faults, "; ".join(faults[:FAULTY])

    def _ledger(self) -> Iterator[str]:
        counts = self._memory.counts
        held = sum(count for name, count in counts.items() if name.startswith("held:"))
        rest = counts.get("accepted", 0) - held - sum(counts.get(state, 0) for state in STATES)
        if rest:
            yield f"the ledger is out by {rest}: {counts}"
        below = {name: count for name, count in counts.items() if count < 0}
        if below:
            yield f"below zero: {below}"
        if counts.get("dead", 0) != self._memory.size(DEAD):
            yield f"{counts.get('dead', 0)} dead in the ledger, {self._memory.size(DEAD)} in the index"

    def _changed(self, changes: Changes, now: int) -> Iterator[str]:
        for key, record in changes.records.items():
            if record is None:
                if key.startswith(Delivery.PREFIX):
                    yield from self._forgotten(key.removeprefix(Delivery.PREFIX))
                continue
            yield from self._record(record)
            if isinstance(record, Delivery):
                yield from self._delivery(record)
            elif isinstance(record, Thread):
                yield from self._thread(record)
        for index, members in changes.indexes.items():
            for member, score in members.items():
                if score is not None:
                    yield from self._member(index, member, now)

    def whole(self, now: int) -> Iterator[str]:
        """Look at everything."""
        memory = self._memory
        users: Counter[str] = Counter()
        pending = 0
        for key, record in memory.records.items():
            if pickle.dumps(record) != self._written[key]:
                yield f"changed without a draft: {record}"
            yield from self._record(record)
            if isinstance(record, Delivery):
                yield from self._delivery(record)
                users[record.body] += 1
                if record.body and not text_of(Draft(memory, now), record):
                    yield f"nothing to show: {record!r:.200}"
                pending += not record.died
            elif isinstance(record, Thread):
                yield from self._thread(record)
        for name, index in memory.indexes.items():
            for member in index.scores:
                yield from self._member(name, member, now)
        if memory.counts.get("pending", 0) != pending:
            yield f"{memory.counts.get('pending', 0)} pending in the ledger, {pending} are there"
        bodies = {record.name: record.users for record in memory.records.values() if isinstance(record, Body)}
        del users[""]
        if bodies != users:
            yield f"bodies have users {bodies}, and deliveries use {dict(users)}"
        for table in memory.tables:
            kind, _, name = table.partition(":")
            if kind == "rows" and memory.record(Bundle, name) is None:
                yield f"rows of a bundle that is gone: {name}"

    def types(self) -> Iterator[str]:
        """Every value is of the type that its record declares, as whoever stores it reads it."""
        for record in self._memory.records.values():
            yield from _of_its_types(record)

    def _record(self, record: Record) -> Iterator[str]:
        if isinstance(record, GROWING) and (size := len(self._written[record.key])) > BIGGEST:
            yield f"it grows: {record!r:.200}… {size} bytes"

    def _delivery(self, x: Delivery) -> Iterator[str]:
        memory = self._memory
        flying, dead = memory.score(FLYING, x.name) is not None, memory.score(DEAD, x.name) is not None
        if flying != bool(x.ticket):
            yield f"{x.name} has the ticket {x.ticket!r}, and flies: {flying}"
        if dead != bool(x.died):
            yield f"{x.name} died at {x.died}, and is among the dead: {dead}"
        if x.unreadable and " at " in x.error and not x.error.startswith(UNREADABLE):
            yield f"{x.name} was set aside: {x.error}"
        if x.body and memory.record(Body, x.body) is None:
            yield f"{x.name} has no document"
        thread = memory.record(Thread, x.lane)
        places = [urgency for urgency in URGENCIES if memory.score(records.due(x.channel, urgency), x.name) is not None]
        if x.died:
            if places or x.ticket or x.parked:
                yield f"{x.name} is dead, and due {places}, flying {x.ticket!r}, parked {x.parked!r}"
        elif thread is None:
            yield f"{x.name} has no thread"
        else:
            yield from self._pending(x, thread, places)
            yield from self._waiting(x, thread, places)

    def _pending(self, x: Delivery, thread: Thread, places: list[str]) -> Iterator[str]:
        """It is in its queue, and where it is found in time."""
        memory = self._memory
        first, names = self._queue(thread, x.queue)
        if names.count(x.name) != 1:
            yield f"{x.name} is {names.count(x.name)} times in its queue {x.queue!r} of {x.lane}"
        parked = bool(x.parked) and memory.score(records.parked(x.parked), x.name) is not None
        found = len(places) + parked
        if x.ticket or first != x.name:
            if found:
                yield f"{x.name} is not to be sent now, and is in {places or x.parked!r} (first: {first})"
        # A message that is listed leaves its replies to be sent alone; they stay due when the next one begins.
        elif found != 1 and (found or not self._waits_for_message(x, thread)):
            yield f"{x.name} waits in {found} places: {places} {x.parked!r}"

    def _waits_for_message(self, x: Delivery, thread: Thread) -> bool:
        """Return whether a message goes before it, be it an outcome that was the live message until a run began."""
        return x.queue == REPLIES and not thread.posted and bool(thread.sending or thread.queues.get(MAIN))

    def _waiting(self, x: Delivery, thread: Thread, places: list[str]) -> Iterator[str]:
        """Where it waits says the same as its record."""
        memory = self._memory
        if x.parked and memory.score(records.parked(x.parked), x.name) is None:
            yield f"{x.name} is parked at {x.parked!r}, which does not know it"
        if x.parked and memory.score(PARKING, x.parked) is None:
            yield f"{x.name} is parked at {x.parked!r}, where nobody looks"
        if places and places[0] != x.urgency:
            yield f"{x.name} is of urgency {x.urgency!r}, and in {places}"
        if places and (at := memory.score(records.due(x.channel, x.urgency), x.name)) != x.due:
            yield f"{x.name} is due {x.due}, and placed {at}"
        if x.kind in CONVERGING and not x.body and not x.ticket and thread.waiting != x.name:
            yield f"{x.name} waits, and its thread waits for {thread.waiting!r}"

    def _queue(self, thread: Thread, queue: str) -> tuple[str, list[str]]:
        names = [*thread.queues.get(queue, ())]
        if queue in thread.behind:
            names += [name for _, name in self._memory.ascending(records.behind(thread.name, queue))]
        return names[0] if names else "", names

    def _thread(self, thread: Thread) -> Iterator[str]:
        for queue in (MAIN, REPLIES, HELD):
            for name in self._queue(thread, queue)[1]:
                x = self._memory.record(Delivery, name)
                if x is None or x.died or (x.lane, x.queue) != (thread.name, queue):
                    yield f"{name} in {queue} of {thread.name} is not there: {x}"
                else:
                    yield from self._delivery(x)
        for role in ("waiting", "sending"):
            name = getattr(thread, role)
            if name and ((x := self._memory.record(Delivery, name)) is None or x.died):
                yield f"{role} in {thread.name} is {name}, which is not there"

    def _forgotten(self, name: str) -> Iterator[str]:
        for index in (DEAD, FLYING):
            if self._memory.score(index, name) is not None:
                yield f"{name} is gone, and still in {index}"

    def _member(self, index: str, member: str, now: int) -> Iterator[str]:
        memory, kind = self._memory, index.partition(":")[0]
        if kind in ("due", "parked", "urgent", FLYING, DEAD, "behind"):
            x = memory.record(Delivery, member)
            if x is None or bool(x.died) != (kind == DEAD):
                yield f"{member} in {index} is not there: {x}"
            elif kind in ("parked", "urgent") and x.parked != index.partition(":")[2]:
                yield f"{member} in {index} is parked at {x.parked!r}"
            elif kind == "due" and index != records.due(x.channel, x.urgency):
                yield f"{member} in {index} is of {x.channel}, urgency {x.urgency!r}"
        elif kind in (records.WATCH, records.STALLED, records.OVER) and memory.record(Operation, member) is None:
            yield f"{member} in {index} is not known"


@cache
def _adapters(kind: Any) -> dict[str, TypeAdapter[Any]]:
    """Return a reader of each field's values, as whoever stores them has it."""
    config = ConfigDict(strict=True, arbitrary_types_allowed=True)
    hints = get_type_hints(kind)
    return {name: TypeAdapter(hints[name], config=config) for name in kind.__dataclass_fields__ if name not in OF_ALL}


def _of_its_types(record: Record) -> Iterator[str]:
    kind: Any = type(record)
    for name, adapter in _adapters(kind).items():
        try:
            adapter.validate_python(getattr(record, name))
        except ValidationError as error:
            yield f"{record.key}.{name} is {getattr(record, name)!r}: {error.errors()[0]['msg']}"
