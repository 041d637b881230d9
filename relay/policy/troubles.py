"""When operators hear that something is wrong with relay itself, and that it is over. Pure; all times are passed in.

What all processes remember together is one value, `Troubles`. A look makes the next one of it, and at most one notice;
the notice stays in it until it is queued, so a process that dies in between loses and doubles nothing.

A trouble is told once, with all others that are new at that moment, again after a day, and when it is over. One that
comes back within an hour is not told anew before that has passed; between two notices of new trouble are ten minutes,
but a channel that is down is told at once.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from relay.domain.events import RESOLVED, TROUBLE, Event
from relay.domain.parsing import parse
from relay.policy.causes import (
    CHANNEL,
    DEAD,
    DESTINATION,
    KINDS,
    REFUSED,
    STORE,
    TEMPLATE,
    Cause,
    Sight,
    lost,
    merged,
    unexplained,
)
from relay.policy.watchdog import SOURCE, iso

WINDOW = 3600.0  # seconds within which the same trouble is told once
REMIND = 86_400.0  # while it lasts
GAP = 600.0  # between two notices of new trouble, whatever it is
# Seconds without a sign of it after which a trouble is over. A channel, or a destination, has to work as well: a part
# of the store may be away, and what is known of it with that.
CALM: Mapping[str, float] = {
    CHANNEL: 60.0, DESTINATION: 60.0, DEAD: 150.0, STORE: 150.0, TEMPLATE: 900.0, REFUSED: 900.0
}  # fmt: skip
WANTS_PROOF = (CHANNEL, DESTINATION)
LONGEST = 7 * 86_400.0  # without a sign of it, and without proof that it is over
MOST = 50  # troubles that are remembered


@dataclass(frozen=True, slots=True)
class Trouble:
    """A cause with its history. All times are seconds since the epoch, 0 where it has not happened.

    shown      when it last showed
    told_at    when it was last told, also of an earlier time that it was there
    announced  whether it was told since it began
    missed     whether it should have been told, and there was nobody who could be
    ended      when it was over; owed: which is still to be told
    """

    cause: Cause
    shown: float
    told_at: float = 0.0
    announced: bool = False
    missed: bool = False
    ended: float = 0.0
    owed: bool = False
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told, once. `avoids` are the scopes that it must not go through."""

    name: str
    id: str
    at: float
    troubles: tuple[dict[str, Any], ...]
    standing: int = 0  # how many others are still there
    avoids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Troubles:
    """What all processes remember."""

    rows: tuple[Trouble, ...] = ()
    number: int = 0  # of notices so far
    noticed: float = 0.0  # when there was last one of new trouble
    pending: Notice | None = None  # not queued yet, as far as is known

    @property
    def open(self) -> tuple[Trouble, ...]:
        return tuple(row for row in self.rows if not row.ended)

    @property
    def blocked(self) -> frozenset[str]:
        """The scopes through which nobody can be told now."""
        return frozenset(scope for row in self.open for scope in row.cause.blocks)

    def dump(self) -> str:
        return _TROUBLES.dump_json(self).decode()

    @classmethod
    def load(cls, text: str) -> "Troubles":
        """ValueError if it is none, for instance another release's."""
        return _TROUBLES.validate_json(text) if text else cls()


_TROUBLES = TypeAdapter(Troubles)

Reachable = Callable[[Collection[str]], bool]


def looked(troubles: Troubles, sight: Sight, now: float) -> Troubles:
    """What is remembered after this look."""
    rows = {row.cause.key: row for row in troubles.rows}
    # What was there a moment ago is there as soon as it fails again.
    ripe = [cause for cause in sight.causes if cause.ripe or ((row := rows.get(cause.key)) and not row.ended)]
    # What may turn out to be one accounts for dead letters already: a moment later they are told together.
    ended = {key: row.ended for key, row in rows.items()} | dict.fromkeys((cause.key for cause in sight.causes), 0.0)
    if rest := unexplained(sight.deaths, ended, now):
        ripe.append(rest)
    fresh = {cause.key: _seen(rows.get(cause.key), cause, sight, now) for cause in ripe}
    gone = {key: _unseen(row, sight, now) for key, row in rows.items() if key not in fresh}
    kept = [row for row in (*fresh.values(), *gone.values()) if row is not None]
    return replace(troubles, rows=tuple(sorted(kept, key=_order)[:MOST]))


def noticed(troubles: Troubles, now: float, reachable: Reachable) -> Troubles:
    """The same, with a notice if one is due. `reachable`: whether anybody is left to tell beside these scopes."""
    if troubles.pending and now - troubles.pending.at < REMIND:
        return troubles
    troubles = replace(troubles, pending=None)  # one that nobody could be told for a day is old
    avoids = troubles.blocked
    over = [row for row in troubles.rows if row.owed]
    if over and reachable(avoids):
        rows = tuple(replace(row, owed=False) if row in over else row for row in troubles.rows)
        return _with_notice(replace(troubles, rows=rows), RESOLVED, over, now, len(troubles.open))
    due = [row for row in troubles.open if _is_due(row, now)]
    early = 0 <= now - troubles.noticed < GAP and not any(row.cause.kind == CHANNEL for row in due)
    if not due or early:
        return troubles
    if not reachable(avoids):
        rows = tuple(replace(row, missed=True) if row in due else row for row in troubles.rows)
        return replace(troubles, rows=rows)
    rows = tuple(replace(row, told_at=now, announced=True) if row in due else row for row in troubles.rows)
    noted = replace(troubles, rows=rows, noticed=now)
    return _with_notice(noted, TROUBLE, due, now, len(troubles.open) - len(due))


def queued(troubles: Troubles, notice: str) -> Troubles:
    """The same, once the notice of this id is in the queue."""
    return replace(troubles, pending=None) if troubles.pending and troubles.pending.id == notice else troubles


def event_of(notice: Notice) -> Event:
    """The notice as an ordinary event. It is one of its own, so it is an operation by itself."""
    when = datetime.fromtimestamp(notice.at, UTC)
    document = {
        "event": notice.name,
        "eventId": notice.id,
        "timestamp": when.isoformat(timespec="seconds"),
        "operation": {"operationId": notice.id, "operationName": "relay"},
        "troubles": list(notice.troubles),
        "standing": notice.standing,
    }
    return parse(document, source=SOURCE, received_at=when)


def _order(row: Trouble) -> tuple[bool, int, float]:
    """Those that are there first, the newest of what is over next: what there is no room for has been told."""
    return bool(row.ended), KINDS.index(row.cause.kind) if row.cause.kind in KINDS else len(KINDS), -row.ended


def _seen(row: Trouble | None, cause: Cause, sight: Sight, now: float) -> Trouble:
    if row is None:
        return Trouble(cause, shown=now, lost=lost(cause, sight.deaths))
    if row.ended and not row.owed:  # it begins anew
        return Trouble(cause, shown=now, told_at=row.told_at, lost=lost(cause, sight.deaths))
    cause = merged(row.cause, cause)
    gone = max(row.lost, lost(cause, sight.deaths))
    return replace(row, cause=cause, shown=now, ended=0.0, owed=False, lost=gone)


def _unseen(row: Trouble, sight: Sight, now: float) -> Trouble | None:
    """None where there is nothing left to remember."""
    if row.ended:
        owed = row.owed and now - row.ended < LONGEST
        return row if owed or now - max(row.told_at, row.ended) < WINDOW else None
    row = replace(row, lost=max(row.lost, lost(row.cause, sight.deaths)))
    quiet, state = now - row.shown, sight.states.get(row.cause.key)
    if state and state.name != "works" and quiet < LONGEST:
        return row
    if 0 <= quiet < CALM.get(row.cause.kind, 0.0):
        return row
    if not (row.announced or row.missed):
        return replace(row, ended=now) if row.told_at else None
    return replace(row, ended=row.shown, owed=True)


def _is_due(row: Trouble, now: float) -> bool:
    if row.cause.kind in WANTS_PROOF and row.shown < now:  # it is about to be over
        return False
    if row.announced:
        return now - row.told_at >= REMIND
    return not row.told_at or not 0 <= now - row.told_at < WINDOW


def _with_notice(troubles: Troubles, name: str, rows: Iterable[Trouble], now: float, standing: int) -> Troubles:
    number = troubles.number + 1
    id_ = f"{name.replace('.', '-')}-{now:.0f}-{number}"
    notice = Notice(name, id_, now, tuple(map(_told, rows)), standing, tuple(sorted(troubles.blocked)))
    return replace(troubles, number=number, pending=notice)


def _told(row: Trouble) -> dict[str, Any]:
    cause = asdict(row.cause)
    del cause["blocks"], cause["ripe"]
    times = {"since": iso(row.cause.since), "until": iso(row.ended or None)}
    return cause | times | {"affected": list(cause["affected"]), "lost": row.lost}
