"""Silences that people made: begun, ended before their time, and remembered for a while."""

from relay.engine.entries import AddSilence, EndSilence, Settings
from relay.engine.lanes import make_due, set_due
from relay.engine.records import DAY, SILENCES, Bundle, Delivery, Silence, silenced
from relay.engine.state import Draft

KEPT, MOST_OVER = 30 * DAY, 1000  # so long, and so many, of those that are over


def add(d: Draft, entry: AddSilence, _: Settings) -> bool:
    """Add a silence. False where as many as there may be are not over yet; a second entry finds it done."""
    if d.get(Silence, entry.id):
        return True
    _trim(d)
    if d.size(SILENCES) - len(d.first(SILENCES, d.now)) >= entry.most:
        return False
    silence = d.edit(Silence, entry.id)
    silence.text, silence.ends, silence.planned = entry.text, entry.ends, entry.ends
    d.place(SILENCES, entry.id, entry.ends)
    return True


def end(d: Draft, entry: EndSilence, _: Settings) -> list[str] | None:
    """End a silence now: its messages are due. Return in which channels; None if it was over, or there is none."""
    known = d.get(Silence, entry.id)
    if known is None or known.ends <= d.now:
        return None
    d.edit(Silence, entry.id).ends = d.now
    d.place(SILENCES, entry.id, d.now)
    held = d.readable(Delivery, [name for _, name in d.ascending(silenced(entry.id))])
    waiting = [x for x in held.values() if x and not x.ticket and not x.died]
    for x in waiting:
        d.apart(_release, x.name)
    _forget_held(d, entry.id)
    return sorted({x.channel for x in waiting})


def _release(d: Draft, name: str) -> None:
    x = d.edit(Delivery, name)
    set_due(d, x, d.now)
    bundle = d.get(Bundle, x.name)
    if bundle and bundle.kind == "silence":  # it is of the time that the silence lasted
        d.edit(Bundle, x.name).end = d.now
        x.created = d.now
    make_due(d, x)


def _trim(d: Draft) -> None:
    """Forget silences that have long been over, and the oldest where many are."""
    over, old = d.first(SILENCES, d.now), d.first(SILENCES, d.now - KEPT)
    for id_ in over[: max(len(old), len(over) - MOST_OVER)]:
        d.drop(Silence, id_)
        d.take_out(SILENCES, id_)
        _forget_held(d, id_)


def _forget_held(d: Draft, id_: str) -> None:
    for _, name in d.ascending(silenced(id_)):
        d.take_out(silenced(id_), name)
