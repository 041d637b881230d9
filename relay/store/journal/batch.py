"""Entries that are decided together, on copies: nothing is taken over before they are committed."""

import json
import signal
import threading
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import structlog

from relay.engine.draft import Draft
from relay.engine.state import Changes, NotLoaded, Record, State
from relay.errors import HandlingFailed, InvalidEvent, RelayError, StoreUnavailable, Unreadable, relay_line
from relay.outage import LONG, note
from relay.store.journal.codec import Codec
from relay.store.journal.items import NOTHING, Admission, Answer, Id, Item, value_of
from relay.store.journal.writes import MOST_WRITES, count_writes
from relay.store.keys import ENTRY, FAULTS, REFUSED, SET_ASIDE

Step = Callable[[State, Any, int, Any], tuple[Changes, Any]]
LONGEST, AGAIN = 2.0, 0.1  # seconds of CPU that a step may take; and those between two looks at that
T = TypeVar("T")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """The pure step. `needs` names the records that an entry reads in any case, so that they are read before it."""

    step: Step
    codec: Codec
    needs: Callable[[Any], Iterable[tuple[type[Record], str]]] = lambda _entry: ()
    take_over: Callable[[Sequence[str]], Any] | None = None


class Unsure(Exception):
    """An entry failed, maybe by a guess that is wrong: what was guessed is read first."""


class StepTookTooLong(BaseException):
    """A step was interrupted. It is no `Exception`, so that no step takes it for a fault of what it looks at."""


class Batch:
    """`outcomes`: the answer or the error of each item that was stepped, in their order."""

    def __init__(
        self,
        rules: Rules,
        state: State,
        now: int,
        settings: Any,
        guesses: Collection[Any] = (),
        *,
        left: Id = NOTHING,
    ) -> None:
        """`guesses`: what the steps took to be absent so far (relay.store.journal.cache). `left`: as of `Term`."""
        self.now = now
        self.draft = Draft(state, now)
        self.outcomes: list[tuple[Item, Any]] = []
        self._rules, self._settings, self._guesses, self._left = rules, settings, guesses, left
        self._asked = set[tuple[Any, ...]]()
        self._writes = 0

    @property
    def used(self) -> list[bytes]:
        """Ids of the entries of the inbox that are done with."""
        return [str(item).encode() for item, _ in self.outcomes if item.id != NOTHING]

    @property
    def takes_on(self) -> bool:
        return any(item.admission > Admission.ALWAYS for item, _ in self.outcomes)

    def run(self, items: Sequence[Item]) -> list[NotLoaded]:
        """Step on, as far as one commit goes, or until it is to be known whether guesses are right.

        Return what cannot be guessed, and has to be read before the next one can be stepped.
        """
        for at in range(len(self.outcomes), len(items)):
            if self._writes >= MOST_WRITES:
                break
            item = items[at]
            try:
                outcome = self._outcome(item)
            except NotLoaded as missing:
                need = (missing.kind, *missing.names)
                if need in self._asked:  # it was read, and is asked for again
                    item.failed = HandlingFailed("NotLoaded", missing.kind)
                    return self.run(items)
                self._asked.add(need)
                return [missing, *missing.others]
            except Unsure:
                return []
            self.outcomes.append((item, outcome))
        return []

    def _outcome(self, item: Item) -> Any:
        if item.hopeless:
            return item.failed
        try:
            return self._decided(item)
        except NotLoaded:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its neighbours go on
            if self._guesses:  # it may follow from one that is wrong
                raise Unsure from None
            if isinstance(error, StoreUnavailable) and item.id == NOTHING:  # whoever submitted it tries again
                return error
            if isinstance(error, HandlingFailed) and error.kind == StepTookTooLong.__name__:
                self._writes = MOST_WRITES  # several of these in one batch would outlast the lease
                item.failed = error
            if not isinstance(error, RelayError):
                error = HandlingFailed(type(error).__name__, relay_line(error))
            return self._refused(item, error)

    def _decided(self, item: Item) -> Any:
        if item.failed:
            raise item.failed
        if isinstance(item.entry, Unreadable):
            raise item.entry
        if NOTHING < item.id <= self._left:  # each time: the last line before the end of a process names its cause
            log.info("entry.next", id=f"{ENTRY}{item}", entry=type(item.entry).__name__)
        known = self.draft.get(Answer, item.act) if item.act else None
        if known is not None and known.done:
            return value_of(known, self._rules.codec)
        return self._take(item.entry, item.act)

    def _take(self, entry: Any, act: str = "") -> Any:
        """Step it, and take over what it changes once nothing of it can fail."""
        began = time.perf_counter()
        try:
            changes, answer = bounded(lambda: self._rules.step(self.draft, entry, self.now, self._settings))
        finally:
            if time.perf_counter() - began >= LONG:
                event = getattr(entry, "event", None)
                whose = {"source": event.source, "event_id": event.id} if event else {}
                note(began, entry=type(entry).__name__, **whose)
        value = self._rules.codec.dumped(answer) if act else b""
        self.draft.take(changes)
        self._writes += count_writes(changes)
        if act:
            record = self.draft.edit(Answer, act)
            record.done, record.value = True, value
        return answer

    def _refused(self, item: Item, error: RelayError) -> RelayError:
        """Return the error; keep an entry whose sender does not wait for its answer, for people."""
        if item.act:
            record = self.draft.edit(Answer, item.act)
            record.done = True
            if isinstance(error, InvalidEvent):
                record.refused = [error.kind, error.field, error.message]
            record.failed = f"{error.kind} {error.where}" if isinstance(error, HandlingFailed) else type(error).__name__
        if item.id != NOTHING:
            name = str(item)
            if not item.reported:  # its batch may be decided anew
                entry = type(item.entry).__name__
                log.warning("entry.set_aside", id=ENTRY + name, entry=entry, reason=str(error))
            item.reported = True
            source = getattr(getattr(item.entry, "event", None), "source", "")
            row = {"source": source, "reason": str(error), "at": self.now, "size": len(item.appended)}
            table = REFUSED if isinstance(error, InvalidEvent) else FAULTS
            self.draft.put(table, ENTRY + name, json.dumps(row).encode())
            self.draft.put(SET_ASIDE, name, item.appended)
        return error


_until: float | None = None  # by the CPU time of the main thread, while a step runs there


def bounded(call: Callable[[], T], longest: float = LONGEST) -> T:
    """Return what it returns. HandlingFailed after so many seconds, with the line where it was interrupted.

    It works on copies, so that nothing is left of it. Seconds of CPU are counted, and of this thread alone: a busy
    machine and a stopped process interrupt nothing. Signals reach the main thread alone, others are not bounded.
    """
    global _until  # noqa: PLW0603 - a process has one timer
    if threading.current_thread() is not threading.main_thread():
        return call()
    try:
        signal.signal(signal.SIGVTALRM, _look)
        _until = time.thread_time() + longest
        signal.setitimer(signal.ITIMER_VIRTUAL, longest, AGAIN)  # again: what is raised in a finalizer is lost
        try:
            return call()
        finally:
            _until = None  # first: from here on nothing is raised
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except StepTookTooLong as error:
        last = error.__traceback__
        while last and last.tb_next and last.tb_next.tb_frame.f_code is not _look.__code__:
            last = last.tb_next
        if last:
            last.tb_next = None
        raise HandlingFailed(type(error).__name__, relay_line(error)) from None


def _look(_signal: int, _frame: Any) -> None:
    if _until is not None and time.thread_time() >= _until:
        raise StepTookTooLong
