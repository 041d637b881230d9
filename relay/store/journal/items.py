"""Entries on their way to a step, and those of this process that wait for one."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import takewhile
from typing import Any, ClassVar

from relay.engine.state import Record
from relay.errors import HandlingFailed, InvalidEvent, NoRoom, StoreUnavailable
from relay.store.journal.codec import Codec

Id = tuple[int, int]  # of an entry in the inbox
NOTHING: Id = (0, 0)
PATIENCE = 5.0  # seconds after which an event's sender is asked to try again


class Admission(IntEnum):
    """Order in which entries are refused where too much waits."""

    ALWAYS = 0  # receipts, marks, presses, acts, time that has come
    OUTCOME = 1
    PROGRESS = 2


# How many events may wait here, and in the inbox for how many ms, or how many bytes where the partition has no owner.
MOST_WAITING = {Admission.OUTCOME: 8_192, Admission.PROGRESS: 4_096}
LAGS = {Admission.ALWAYS: 0, Admission.OUTCOME: 1_500, Admission.PROGRESS: 500}
BYTES = {Admission.ALWAYS: 0, Admission.OUTCOME: 96 << 20, Admission.PROGRESS: 64 << 20}


class Busy(NoRoom):
    """Too much waits already: the sender tries again in a second."""


@dataclass
class Answer(Record):
    """Result of an act, kept under its id for the process that appended it, and for a repetition."""

    PREFIX: ClassVar[str] = "answer:"
    KEPT: ClassVar[int] = 60_000

    done: bool = False
    value: bytes = b""
    failed: str = ""  # class and place of an error of relay's own
    refused: list[str] = field(default_factory=list)  # kind, field and message of an event that is not taken


@dataclass(slots=True, eq=False)
class Item:
    """An entry and who waits for its answer. `act`: its id, under which the answer is kept."""

    entry: Any
    act: str = ""
    admission: Admission = Admission.ALWAYS
    lazy: bool = False
    arrived: float = 0.0
    answered: "asyncio.Future[Any] | None" = None
    only_owner: bool = False  # it is not for the inbox
    in_order: bool = False  # it follows what was in the inbox when it came, as events do
    brief: bool = False  # whoever submitted it tries again: it is not kept for longer than they wait
    follows: Id | None = None  # the newest that was in the inbox by then; None: that is not known yet
    # Of one from the inbox
    id: Id = NOTHING
    appended: bytes = b""  # its name there, a zero byte, and the entry
    failed: Exception | None = None  # it is at fault, and is not stepped again
    hopeless: bool = False  # not even that can be written
    reported: bool = False  # the log has that it is set aside

    def __str__(self) -> str:
        return f"{self.id[0]}-{self.id[1]}"

    def answer(self, outcome: Any) -> None:
        if self.answered is None or self.answered.done():
            return
        if isinstance(outcome, Exception):
            self.answered.set_exception(outcome)
        else:
            self.answered.set_result(outcome)

    @property
    def is_answered(self) -> bool:
        return self.answered is not None and self.answered.done()

    @property
    def is_receipt(self) -> bool:
        """Return True for what is kept until it is confirmed."""
        return not (self.act or self.brief or self.admission > Admission.ALWAYS)

    @property
    def given_up(self) -> bool:
        """Return True where nobody waits for it any more, and it may be forgotten."""
        return (self.brief or self.admission > Admission.ALWAYS) and self.is_answered


def value_of(answer: Answer, codec: Codec) -> Any:
    """Return what an act was answered, or raise what it failed by."""
    if answer.refused:
        kind, place, message = answer.refused
        refusal = InvalidEvent(place, message)
        refusal.kind = kind
        raise refusal
    if answer.failed:
        kind, _, where = answer.failed.partition(" ")
        raise HandlingFailed(kind, where)
    return codec.loaded(answer.value, answer.key)


class Queue:
    """Entries of this process, until they are answered."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self.lazy, self.acts, self.events = deque[Item](), deque[Item](), deque[Item]()
        self._impatient = deque[Item]()  # what waits for no longer than that, in the order of their arrival
        self.wake = asyncio.Event()

    def __len__(self) -> int:
        return len(self.lazy) + len(self.acts) + len(self.events)

    def add(self, item: Item) -> None:
        """Raise Busy where too many wait."""
        item.arrived = self._monotonic()
        if item.admission > Admission.ALWAYS and len(self.events) >= MOST_WAITING[item.admission]:
            raise Busy(f"{len(self.events)} events wait")
        (self.lazy if item.lazy else self._line(item)).append(item)
        if not item.is_receipt:
            self._impatient.append(item)
        self.wake.set()

    def put_back(self, items: Iterable[Item]) -> None:
        """Let those of this process be the next again, in their order."""
        for item in reversed([*items]):
            if item.id == NOTHING and not item.given_up:
                self._line(item).appendleft(item)

    def _line(self, item: Item) -> deque[Item]:
        return self.events if item.in_order or item.admission > Admission.ALWAYS else self.acts

    def unplaced(self) -> list[Item]:
        """Return the events that nothing says what they follow."""
        return [*takewhile(lambda item: item.follows is None, reversed(self.events))]

    def displace(self) -> None:
        """The inbox is another one."""
        for item in self.events:
            item.follows = None

    def take(self, line: "deque[Item]", most: int, is_next: Callable[[Item], bool] = lambda _item: True) -> list[Item]:
        """Return the next of a line, up to one that is not."""
        taken: list[Item] = []
        while line and len(taken) < most and (line[0].given_up or is_next(line[0])):
            if not (item := line.popleft()).given_up:
                taken.append(item)
        return taken

    def take_all(self) -> list[Item]:
        return [item for line in (self.lazy, self.acts, self.events) for item in self.take(line, len(line))]

    def expire(self) -> None:
        """Ask senders that waited for too long to try again; their entries may yet be taken, and count once."""
        now = self._monotonic()
        waiting = self._impatient
        while waiting and (waiting[0].is_answered or now - waiting[0].arrived > PATIENCE):
            if not (item := waiting.popleft()).is_answered:
                item.answer(StoreUnavailable(f"Redis did not confirm within {PATIENCE:g} s"))
