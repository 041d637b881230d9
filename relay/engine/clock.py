"""Clockwork of all processes together: ticks, turns, and a clock that was set back."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from itertools import takewhile
from typing import ClassVar

from relay.engine.draft import Draft
from relay.engine.lanes import BUNDLED, URGENCIES, set_due
from relay.engine.parking import EVER
from relay.engine.pauses import OPERATOR, OperatorPause, Pause, find_pause, scope_of
from relay.engine.records import BROKEN, CHANNELS, FLYING, PARKING, PAUSED, WATCH, Delivery, due
from relay.engine.state import Record, Score

TICKS = "ticks"  # the name of the only record of its kind
TROUBLES = "troubles"
SETTING_BACK = "setting-back"  # table: ms by which the clock was set back → up to where that is put right


@dataclass
class Ticks(Record):
    """Clockwork of all processes together. There is one, named `ticks`."""

    PREFIX: ClassVar[str] = ""

    last: int = 0
    grace: int = 0
    back: int = 0
    left: int = 0
    asked: int = 0
    reconciled: int = 0
    step: int = 0  # by how many ms the clock was set back last, and when
    stepped: int = 0
    turns: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    doing: dict[str, int] = field(default_factory=dict)


@dataclass
class Troubles(Record):
    """Problems of relay itself, and their notices: a text of relay.policy.notices. There is one, named `troubles`."""

    PREFIX: ClassVar[str] = ""

    text: str = ""


@dataclass(frozen=True, slots=True)
class TakeTurn:
    """Take the turn to ask the platform, one in each `period` ms. Answer: ms of the newest `Reconciled`; None: wait."""

    period: int

    def decide(self, d: Draft) -> int | None:
        ticks = d.edit(Ticks, TICKS)
        if d.now - ticks.asked < self.period:
            return None
        ticks.asked = d.now
        return ticks.reconciled


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Every run that began before `at` (ms) is known."""

    at: int

    def decide(self, d: Draft) -> None:
        d.edit(Ticks, TICKS).reconciled = self.at


@dataclass(frozen=True, slots=True)
class ReportTick:
    """The newest tick of this name failed; without `error` it did not."""

    name: str
    error: str = ""

    def decide(self, d: Draft) -> None:
        failed = d.edit(Ticks, TICKS).failed
        if self.error:
            failed[self.name] = f"{d.now // 1000} {self.error}"
        else:
            failed.pop(self.name, None)


@dataclass(frozen=True, slots=True)
class TakeTurnFor:
    """Take a turn that one process has in each `period` ms. Answer: bool."""

    name: str
    period: int

    def decide(self, d: Draft) -> bool:
        ticks = d.edit(Ticks, TICKS)
        last = ticks.turns.get(self.name, 0)
        if 0 <= d.now - last < self.period:
            return False
        ticks.turns[self.name] = d.now
        return True


@dataclass(frozen=True, slots=True)
class LookAtTroubles:
    """Read what is wrong with relay itself; `parts` of the work that this process does: receive, deliver.

    Answer: the time, the text, and how long ago (ms) any process received and delivered; -1: never.
    """

    parts: Sequence[str] = ()

    def decide(self, d: Draft) -> list[str | int]:
        if self.parts:
            ticks = d.edit(Ticks, TICKS)
            ticks.doing |= dict.fromkeys(self.parts, d.now)
        doing = d.look(Ticks, TICKS).doing
        ago = [d.now - doing[part] if part in doing else -1 for part in ("receive", "deliver")]
        return [d.now, d.look(Troubles, TROUBLES).text, *ago]


@dataclass(frozen=True, slots=True)
class KeepTroubles:
    """Replace the text, if it is still as it was: of two that replace the same one, one does. Answer: bool."""

    was: str
    becomes: str

    def decide(self, d: Draft) -> bool:
        kept = d.edit(Troubles, TROUBLES)
        if kept.text != self.was:
            return False
        kept.text = self.becomes
        return True


@dataclass(frozen=True, slots=True)
class ClockSetBack:
    """Redis's clock was set back by `step` ms: what waited for a time waits as long as it had to, and not for longer.

    All that is in a queue is put right here, and what is read record by record, where it is read.
    What is left is remembered, for an owner that comes after a crash. Answer: `after` of the same again, which puts the
    next `most` right; '' when all is done.
    """

    step: int
    after: str = ""
    most: int = 500

    def decide(self, d: Draft) -> str:
        if not self.after:
            _set_pauses_back(d)
            for index in (PARKING, WATCH):
                for score, member in [*_later(d, index)]:
                    d.place(index, member, score - self.step)
            d.apart(_set_ticks_back, self.step)
            _set_calls_back(d, self.step)
        places = nsmallest(self.most, (place for place in _waiting(d) if place > self.after))
        known = d.readable(Delivery, [place.partition("\0")[2] for place in places])
        for place in places:
            index, _, id_ = place.partition("\0")
            due_at, x = d.score(index, id_), known.get(id_)
            if due_at and x and x.kind not in BUNDLED:  # these are due by the calendar
                _put_right(d, index, id_, due_at - self.step)
        left = places[-1] if len(places) == self.most else ""
        if left:
            d.put(SETTING_BACK, str(self.step), left.encode())
        elif self.after:
            d.remove(SETTING_BACK, str(self.step))
        return left


def _set_pauses_back(d: Draft) -> None:
    scopes = [*d.first(BROKEN, EVER), *map(scope_of, d.first(PARKING, EVER))]
    people = d.first(PAUSED, EVER)
    scopes = [*d.readable(Pause, scopes), *(OPERATOR + name for name in d.readable(OperatorPause, people))]
    for scope in scopes:
        d.apart(find_pause, scope)


def _set_ticks_back(d: Draft, step: int) -> None:
    ticks = d.edit(Ticks, TICKS)
    ticks.last, ticks.asked = min(ticks.last, d.now), min(ticks.asked, d.now)
    ticks.reconciled, ticks.back = min(ticks.reconciled, d.now), min(ticks.back, d.now)
    ticks.step, ticks.stepped = step, d.now
    if ticks.grace > d.now:
        ticks.grace -= step


def _set_calls_back(d: Draft, step: int) -> None:
    """A call that is under way in a process that is not heard of is over as long after its mark as before."""
    for name, x in d.readable(Delivery, d.first(FLYING, EVER)).items():
        if x and x.marked > d.now:
            d.edit(Delivery, name).marked = max(1, x.marked - step)


def _waiting(d: Draft) -> Iterator[str]:
    """Yield the deliveries that wait for a time to come, each behind the name of its queue."""
    for _, channel in d.ascending(CHANNELS):
        for urgency in URGENCIES:
            index = due(channel, urgency)
            yield from (f"{index}\0{id_}" for _, id_ in _later(d, index))


def _later(d: Draft, index: str) -> Iterator[tuple[Score, str]]:
    """Yield the members that wait for a time to come."""
    return takewhile(lambda row: row[0] > d.now, d.descending(index))


def _put_right(d: Draft, index: str, id_: str, at: int) -> None:
    x = d.edit(Delivery, id_)
    x.created = min(x.created, d.now)
    set_due(d, x, at)
    d.place(index, id_, at)
