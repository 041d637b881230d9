"""Entries that are decided together, on copies: nothing is taken over before they are committed."""

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog

from relay.engine.draft import Draft
from relay.engine.state import Changes, NotLoaded, Record, State
from relay.errors import HandlingFailed, InvalidEvent, NoRoom, RelayError, StoreUnavailable, relay_line
from relay.outage import LONG, note
from relay.store.journal.codec import Codec
from relay.store.journal.items import NOTHING, Admission, Answer, Item, value_of
from relay.store.journal.writes import MOST_WRITES, count_writes

Step = Callable[[State, Any, int, Any], tuple[Changes, Any]]
SetAside = Callable[
    [Any, Exception], Any
]  # an entry without a waiting sender, and its error → the entry that counts it
WAITING = "waiting"  # table: entries of the inbox that need something that cannot be read → as they were appended
SUSPECTS = "suspects"  # table: entries of the inbox that may have been under way when an owner died → further deaths
ASIDE = "aside"  # log: entries that were set aside, as they were appended
MOST_ASIDE, KEEP_ASIDE = 1_000, 30 * 86_400_000
MOST_WAITING_BYTES = 64 << 20
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Rules:
    """The pure step, and the entry that counts one that it cannot take.

    needs         names the records that an entry reads in any case, so that no step in vain has to find that out
    most_waiting  entries that may wait for what cannot be read; more are set aside
    """

    step: Step
    set_aside: SetAside
    codec: Codec
    needs: Callable[[Any], Iterable[tuple[type[Record], str]]] = lambda _entry: ()
    take_over: Callable[[Sequence[str]], Any] | None = None
    most_waiting: int = 10_000


class Unsure(Exception):
    """An entry failed, maybe by a guess that is wrong: what was guessed is read first."""


class Batch:
    """`outcomes`: the answer or the error of each item that was stepped, in their order."""

    def __init__(self, rules: Rules, state: State, now: int, settings: Any, guesses: Collection[Any] = ()) -> None:
        """`guesses`: what the steps took to be absent so far (relay.store.journal.cache)."""
        self.now = now
        self.draft = Draft(state, now)
        self.outcomes: list[tuple[Item, Any]] = []
        self._rules, self._settings, self._guesses = rules, settings, guesses
        self._asked = set[tuple[Any, ...]]()
        self._writes = 0
        self._room: tuple[int, int] | None = None  # for entries that wait: how many, and their bytes

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
            if isinstance(error, StoreUnavailable):
                return self._postponed(item, error)
            if not isinstance(error, RelayError):
                error = HandlingFailed(type(error).__name__, relay_line(error))
            return self._refused(item, error)

    def _decided(self, item: Item) -> Any:
        if item.failed:
            raise item.failed
        if isinstance(item.entry, StoreUnavailable):  # it came from the inbox, and could not be read
            raise item.entry
        known = self.draft.get(Answer, item.act) if item.act else None
        if known is not None and known.done:
            answer = value_of(known, self._rules.codec)
        else:
            answer = self._take(item.entry, item.act)
        self._done_with(item)
        return answer

    def _take(self, entry: Any, act: str = "") -> Any:
        """Step it, and take over what it changes once nothing of it can fail."""
        began = time.perf_counter()
        try:
            changes, answer = self._rules.step(self.draft, entry, self.now, self._settings)
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

    def _postponed(self, item: Item, error: StoreUnavailable) -> RelayError:
        """Let it wait for what cannot be read, out of the way of the others."""
        if item.id != NOTHING:
            count, size = self._room or self._measured()
            self._room = count - 1, size - len(item.appended)
            if min(self._room) < 0:
                return self._refused(item, NoRoom(f"too many wait already. {error}"))
            self.draft.put(WAITING, str(item), item.appended)
            self._done_with(item)
        return error

    def _measured(self) -> tuple[int, int]:
        try:
            waiting = self.draft.table(WAITING)
        except StoreUnavailable:  # one of them cannot be opened; they are not lost for that, and nor is this one
            waiting = {}
        return self._rules.most_waiting - len(waiting), MOST_WAITING_BYTES - sum(map(len, waiting.values()))

    def _refused(self, item: Item, error: RelayError) -> RelayError:
        """Return the error; count and keep an entry whose sender does not wait for its answer."""
        if item.act:
            record = self.draft.edit(Answer, item.act)
            record.done = True
            if isinstance(error, InvalidEvent):
                record.refused = [error.kind, error.field, error.message]
            record.failed = f"{error.kind} {error.where}" if isinstance(error, HandlingFailed) else type(error).__name__
        if item.id != NOTHING or item.waits:
            if not item.reported:  # its batch may be decided anew
                log.warning("entry.set_aside", entry=type(item.entry).__name__, reason=str(error))
            item.reported = True
            try:
                self._take(self._rules.set_aside(item.entry, error))
            except NotLoaded:
                raise
            except Exception as another:  # noqa: BLE001 - others wait behind it
                log.error("entry.not_counted", reason=type(another).__name__)
            self.draft.append(ASIDE, item.appended, most=MOST_ASIDE, kept=KEEP_ASIDE)
            self._done_with(item)
        return error

    def _done_with(self, item: Item) -> None:
        if item.waits:
            self.draft.remove(WAITING, item.waits)
        if item.suspect:
            self.draft.remove(SUSPECTS, str(item))
