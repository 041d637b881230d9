"""Notices to operators that something is wrong with relay itself, and that it is over. Pure.

All processes share one value, `Troubles`. An observation makes the next one of it, and at most one notice, which stays
in it until it is queued: a crash in between loses and doubles nothing. A trouble has one notice when it begins and one
when it ends; one that comes back within an hour of its notice has the next after that hour.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter

from relay.domain.documents import iso
from relay.domain.events import RESOLVED, SOURCE, TROUBLE, Event
from relay.domain.parsing import parse
from relay.policy.reachability import DOWN, States

CHANNEL, DESTINATION, DEAD, STORE, REFUSED = "channel", "destination", "dead", "store", "refused"
UNKNOWN = "unknown"  # a status word that no row of a format has
# In the order in which they are notified, with the seconds without a sign after which they are over. A channel, or a
# destination, must also have worked: a part of the store may be away, and what is known of it with that.
CALM: Mapping[str, float] = {CHANNEL: 60.0, DESTINATION: 60.0, DEAD: 150.0, STORE: 150.0, REFUSED: 900.0,
                              UNKNOWN: 150.0}  # fmt: skip
KINDS = tuple(CALM)
NEEDS_PROOF = (CHANNEL, DESTINATION)
WINDOW = 3600.0  # seconds between two notices that the same trouble begins
ONCE = 30 * 86_400.0  # seconds between two of the same unknown word, whose end has no notice
RECENT = 3600.0  # seconds that a dead letter is news
SETTLED = DOWN + 60.0  # seconds that a dead letter waits for its channel to be a trouble
LATE = 120.0  # seconds after a channel's return in which its last dead letters still come in
FRESH = 5.0  # seconds in which a trouble was just observed
MOST = 50  # troubles that are kept
MOST_NAMED = 5  # destinations that a cause names
MOST_BLOCKED = 100  # scopes that a cause blocks
LONGEST = 300  # characters of a reason


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that is wrong, since so many seconds since the epoch."""

    kind: str
    name: str  # unique within the kind
    since: float
    reason: str = ""
    count: int = 0  # messages that wait, dead letters, requests that were refused
    total: int = 0  # of so many requests
    affected: tuple[str, ...] = ()  # destinations, by name
    blocks: tuple[str, ...] = ()  # scopes through which no notice gets
    throttled: float = 0.0  # until then, where the other side said so

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.name}"


@dataclass(frozen=True, slots=True)
class Death:
    """A dead letter; `at` is in seconds since the epoch."""

    at: float
    channel: str
    destination: str
    address: str
    event: str
    reason: str

    @property
    def keys(self) -> tuple[str, str]:
        """Return the troubles that would account for it."""
        return f"{CHANNEL}:{self.channel}", f"{DESTINATION}:{self.destination}/{self.address}"


@dataclass(frozen=True, slots=True)
class Observation:
    """All that is wrong at a moment."""

    causes: tuple[Cause, ...] = ()
    deaths: tuple[Death, ...] = ()  # dead letters of the last day, but notices: these raise no other
    states: States = field(default_factory=dict)  # of all channels and destinations

    def lost(self, cause: Cause) -> int:
        """Return how many dead letters the channel or destination has had since this cause began."""
        return sum(death.at >= cause.since and cause.key in death.keys for death in self.deaths)


@dataclass(frozen=True, slots=True)
class Trouble:
    """A cause with its history. All times are seconds since the epoch, 0 where it has not happened."""

    cause: Cause
    shown: float  # when it was last observed
    told_at: float = 0.0  # when its beginning was last notified, also of an earlier time that it was there
    announced: bool = False  # notified since it began
    ended: float = 0.0
    owed: bool = False  # the notice of its end is due
    lost: int = 0  # dead letters meanwhile
    gone: bool = False  # it ended as the configuration has it no more

    @property
    def window(self) -> float:
        """Return the seconds between two notices that it begins."""
        return ONCE if self.cause.kind == UNKNOWN else WINDOW


@dataclass(frozen=True, slots=True)
class Notice:
    """A message to operators."""

    name: str
    id: str
    at: float
    troubles: tuple[dict[str, Any], ...]
    standing: int = 0  # how many others are still there


@dataclass(frozen=True, slots=True)
class Troubles:
    """The value that all processes share."""

    rows: tuple[Trouble, ...] = ()
    number: int = 0  # of notices so far
    pending: Notice | None = None  # not queued yet, as far as is known

    @property
    def open(self) -> tuple[Trouble, ...]:
        return tuple(row for row in self.rows if not row.ended)

    @property
    def blocked(self) -> frozenset[str]:
        return frozenset(scope for row in self.open for scope in row.cause.blocks)

    def due(self, now: float) -> list[Trouble]:
        """Return those whose beginning is to be notified. A channel that failed no more is about to be over."""
        certain = [row for row in self.open if now - row.shown < FRESH or row.cause.kind not in NEEDS_PROOF]
        return [row for row in certain if not row.announced and not 0 <= now - row.told_at < row.window]

    def dump(self) -> str:
        return _TROUBLES.dump_json(self).decode()

    @classmethod
    def load(cls, text: str) -> "Troubles":
        """Read what `dump` wrote, without kinds of another release. Raises ValueError."""
        troubles = _TROUBLES.validate_json(text) if text else cls()
        return replace(troubles, rows=tuple(row for row in troubles.rows if row.cause.kind in KINDS))


_TROUBLES = TypeAdapter(Troubles)


def observe(troubles: Troubles, observation: Observation, now: float) -> Troubles:
    rows = {row.cause.key: row for row in troubles.rows}
    ended = {key: row.ended for key, row in rows.items()} | {cause.key: 0.0 for cause in observation.causes}
    causes = [*observation.causes, *_unexplained(observation.deaths, ended, now)]
    observed = {cause.key: _observed(rows.get(cause.key), cause, observation, now) for cause in causes}
    others = [_unobserved(row, observation, now) for key, row in rows.items() if key not in observed]
    rows_left = [row for row in (*observed.values(), *others) if row]
    rows_left.sort(key=lambda row: (bool(row.ended), KINDS.index(row.cause.kind), -row.ended))
    return replace(troubles, rows=tuple(rows_left[:MOST]))


def plan_notice(troubles: Troubles, now: float, reachable: Callable[[frozenset[str]], object]) -> Troubles:
    """Add the notice that is due. `reachable`: true if any operator is, beside these scopes."""
    over, due = [row for row in troubles.rows if row.owed], troubles.due(now)
    if troubles.pending or not (over or due) or not reachable(troubles.blocked):
        return troubles
    name, chosen = (RESOLVED, over) if over else (TROUBLE, due)
    changes: dict[str, Any] = {"owed": False} if over else {"told_at": now, "announced": True}
    rows = tuple(replace(row, **changes) if row in chosen else row for row in troubles.rows)
    number = troubles.number + 1
    id_, others = f"{name.replace('.', '-')}-{now:.0f}-{number}", sum(row not in chosen for row in troubles.open)
    pending = Notice(name, id_, now, tuple(map(_as_document, chosen)), others)
    return replace(troubles, rows=rows, number=number, pending=pending)


def mark_sent(troubles: Troubles, notice: str) -> Troubles:
    """Remove the notice of this id: it is in the queue."""
    return replace(troubles, pending=None) if troubles.pending and troubles.pending.id == notice else troubles


def event_of(notice: Notice) -> Event:
    """Return the notice as an event of an operation of its own."""
    when = datetime.fromtimestamp(notice.at, UTC)
    document = {
        "event": notice.name, "eventId": notice.id, "timestamp": when.isoformat(timespec="seconds"),
        "operation": {"operationId": notice.id, "operationName": "relay"}, "troubles": list(notice.troubles),
        "standing": notice.standing,
    }  # fmt: skip
    return parse(document, source=SOURCE, received_at=when)


def causes_of_states(
    states: States, waiting: Mapping[str, int], names: Mapping[str, Iterable[str]], now: float
) -> Iterator[Cause]:
    """Return a cause for each channel and destination that is down; `names` are the destinations of each scope."""
    for scope, state in states.items():
        kind, _, name = scope.partition(":")
        if state.is_down(now):
            alone = kind == DESTINATION
            affected = (name.partition("/")[0],) if alone else tuple(names.get(scope, ()))[: MOST_NAMED + 1]
            count = 0 if alone else waiting.get(name, state.parked)
            yield Cause(kind, name, state.since, state.cause[:LONGEST], count, affected=affected, blocks=(scope,),
                        throttled=state.until or 0.0)  # fmt: skip


def _unexplained(deaths: Iterable[Death], ended: Mapping[str, float], now: float) -> list[Cause]:
    """Return recent dead letters as a cause, but for those of a trouble; `ended`: when each was over, or 0."""

    def is_explained(death: Death) -> bool:
        return any(key in ended and (not ended[key] or death.at <= ended[key] + LATE) for key in death.keys)

    left = [death for death in deaths if SETTLED <= now - death.at < RECENT and not is_explained(death)]
    if not left:
        return []
    blocks = tuple(sorted({death.keys[1] for death in left})[:MOST_BLOCKED])
    affected = tuple(dict.fromkeys(death.destination for death in left))[: MOST_NAMED + 1]
    since = min(death.at for death in left)
    return [Cause(DEAD, "", since, left[0].reason, len(left), affected=affected, blocks=blocks)]


def _observed(row: Trouble | None, cause: Cause, observation: Observation, now: float) -> Trouble:
    if row is None or (row.ended and not row.owed):  # it begins, or begins anew
        return Trouble(cause, shown=now, told_at=row.told_at if row else 0.0, lost=observation.lost(cause))
    cause = replace(cause, since=min(row.cause.since, cause.since))
    lost = max(row.lost, observation.lost(cause))
    return replace(row, cause=cause, shown=now, ended=0.0, owed=False, lost=lost, gone=False)


def _unobserved(row: Trouble, observation: Observation, now: float) -> Trouble | None:
    """Return what is left to keep of a trouble that was not observed."""
    if row.ended:
        # As long as its last dead letters are news, and as the next notice waits.
        return row if row.owed or now - max(row.told_at, row.ended) < max(row.window, RECENT + LATE) else None
    row = replace(row, lost=max(row.lost, observation.lost(row.cause)))
    state = observation.states.get(row.cause.key)
    if (state and state.name != "works") or 0 <= now - row.shown < CALM[row.cause.kind]:
        return row
    # One that no operator could be notified of has a notice of its end all the same.
    gone = row.cause.kind in NEEDS_PROOF and state is None
    owed = row.cause.kind != UNKNOWN and (row.announced or now - row.told_at >= WINDOW)
    return replace(row, ended=row.shown, owed=owed, gone=gone)


def _as_document(row: Trouble) -> dict[str, Any]:
    cause = {name: value for name, value in asdict(row.cause).items() if name != "blocks"}
    times = {"since": iso(row.cause.since), "until": iso(row.ended or None),
             "throttled": iso(row.cause.throttled or None)}  # fmt: skip
    return cause | times | {"affected": list(cause["affected"]), "lost": row.lost, "gone": row.gone}
