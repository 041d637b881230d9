"""A clock that was set back: deliveries and pauses wait as long as they had to, and not for longer.

Here all that is in a queue is put right, so many deliveries in one step, and what is left is remembered with each: the
next owner goes on with it. What is read record by record is put right where it is read.
"""

from collections.abc import Iterator
from heapq import nsmallest
from itertools import takewhile

from relay.engine.entries import ClockSetBack, Settings
from relay.engine.lanes import BUNDLED, URGENCIES, set_due
from relay.engine.parking import EVER, scope_of
from relay.engine.pauses import OPERATOR, find
from relay.engine.records import (
    BROKEN,
    CHANNELS,
    PARKING,
    PAUSED,
    SETTING_BACK,
    WATCH,
    Delivery,
    OperatorPause,
    Pause,
    Ticks,
    due,
)
from relay.engine.state import Draft, Score


def set_back(d: Draft, entry: ClockSetBack, _settings: Settings) -> str:
    if not entry.after:
        _set_pauses_back(d)
        for index in (PARKING, WATCH):
            for score, member in [*_later(d, index)]:
                d.place(index, member, score - entry.step)
        d.apart(_set_ticks_back, entry.step)
    places = nsmallest(entry.most, (place for place in _waiting(d) if place > entry.after))
    known = d.readable(Delivery, [place.partition("\0")[2] for place in places])
    for place in places:
        index, _, id_ = place.partition("\0")
        due_at, x = d.score(index, id_), known.get(id_)
        if due_at and x and x.kind not in BUNDLED:  # these are due by the calendar
            _put_right(d, index, id_, due_at - entry.step)
    left = places[-1] if len(places) == entry.most else ""
    if left:
        d.put(SETTING_BACK, str(entry.step), left.encode())
    elif entry.after:
        d.remove(SETTING_BACK, str(entry.step))
    return left


def _set_pauses_back(d: Draft) -> None:
    scopes = [*d.first(BROKEN, EVER), *map(scope_of, d.first(PARKING, EVER))]
    people = d.first(PAUSED, EVER)
    scopes = [*d.readable(Pause, scopes), *(OPERATOR + name for name in d.readable(OperatorPause, people))]
    for scope in scopes:
        d.apart(find, scope)


def _set_ticks_back(d: Draft, step: int) -> None:
    ticks = d.edit(Ticks, "ticks")
    ticks.last, ticks.asked = min(ticks.last, d.now), min(ticks.asked, d.now)
    ticks.reconciled, ticks.back = min(ticks.reconciled, d.now), min(ticks.back, d.now)
    ticks.step, ticks.stepped = step, d.now
    if ticks.grace > d.now:
        ticks.grace -= step


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
