"""Memory of relay's own troubles, shared by its processes. What it means, relay/policy/notices.py says."""

from relay.engine.entries import KeepTroubles, LookAtTroubles, Settings, TakeTurnFor
from relay.engine.records import Ticks, Troubles
from relay.engine.state import Draft
from relay.engine.watch import TICKS

TROUBLES = "troubles"


def look(d: Draft, entry: LookAtTroubles, _: Settings) -> list[str | int]:
    """Return the time, the text, and how long ago (ms) any process received and delivered; -1: never.

    `parts` are those of the work that the asking process does.
    """
    if entry.parts:
        ticks = d.edit(Ticks, TICKS)
        ticks.doing |= dict.fromkeys(entry.parts, d.now)
    known, kept = d.get(Ticks, TICKS) or Ticks(TICKS), d.get(Troubles, TROUBLES)
    ago = [d.now - known.doing[part] if part in known.doing else -1 for part in ("receive", "deliver")]
    return [d.now, kept.text if kept else "", *ago]


def keep(d: Draft, entry: KeepTroubles, _: Settings) -> bool:
    """Replace the text, if it is still as it was: of two that replace the same one, one does."""
    kept = d.edit(Troubles, TROUBLES)
    if kept.text != entry.was:
        return False
    kept.text = entry.becomes
    return True


def turn(d: Draft, entry: TakeTurnFor, _: Settings) -> bool:
    """Return True for one process in each period."""
    ticks = d.edit(Ticks, TICKS)
    last = ticks.turns.get(entry.name, 0)
    if 0 <= d.now - last < entry.period:
        return False
    ticks.turns[entry.name] = d.now
    return True
