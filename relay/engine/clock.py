"""A clock that was set back: deliveries and pauses wait as long as they had to, and not for longer.

Here all that is in a queue is put right; what is read record by record is put right where it is read.
"""

from relay.engine.entries import ClockSetBack, Settings
from relay.engine.lanes import BUNDLED, URGENCIES, set_due
from relay.engine.parking import EVER, scope_of
from relay.engine.pauses import OPERATOR, find
from relay.engine.records import BROKEN, CHANNELS, PARKING, PAUSED, WATCH, Delivery, Ticks, due
from relay.engine.state import Draft, Score


def set_back(d: Draft, entry: ClockSetBack, _settings: Settings) -> None:
    parked = map(scope_of, d.first(PARKING, EVER))
    for scope in [*d.first(BROKEN, EVER), *parked, *(OPERATOR + name for name in d.first(PAUSED, EVER))]:
        find(d, scope)
    for index in (PARKING, WATCH):
        for score, member in _later(d, index):
            d.place(index, member, score - entry.step)
    for _, channel in d.ascending(CHANNELS):
        for urgency in URGENCIES:
            for score, id_ in _later(d, due(channel, urgency)):
                _put_right(d, due(channel, urgency), id_, score - entry.step)
    ticks = d.edit(Ticks, "ticks")
    ticks.last, ticks.asked = min(ticks.last, d.now), min(ticks.asked, d.now)
    ticks.reconciled, ticks.back = min(ticks.reconciled, d.now), min(ticks.back, d.now)
    ticks.step, ticks.stepped = entry.step, d.now
    if ticks.grace > d.now:
        ticks.grace -= entry.step


def _later(d: Draft, index: str) -> list[tuple[Score, str]]:
    """Return the members that wait for a time to come."""
    later: list[tuple[Score, str]] = []
    for score, member in d.descending(index):
        if score <= d.now:
            break
        later.append((score, member))
    return later


def _put_right(d: Draft, index: str, id_: str, at: int) -> None:
    x = d.get(Delivery, id_)
    if x and x.kind not in BUNDLED:  # these are due by the calendar
        x = d.edit(Delivery, id_)
        x.created = min(x.created, d.now)
        set_due(d, x, at)
        d.place(index, id_, at)
