"""Changes as commands of Redis, and the commit that they make together."""

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass

from relay.engine.state import Changes, LogChange, TableChange
from relay.errors import HandlingFailed
from relay.store.journal.codec import Codec
from relay.store.journal.scripts import Value

MOST_ENTRIES, MOST_WRITES, MOST_BYTES = 256, 2_000, 1 << 20  # of one commit
MOST_ARGUMENTS = 500  # of one command
DAY, LONG = 86_400_000, 2 * 86_400_000  # ms
MOST_NOTED = 20_000  # keys; 220 bytes each
SLACK = 60_000  # ms that Redis keeps longer than decisions go by, so that nothing expires under the cache
LEDGER = "ledger"

Write = tuple[str, str, tuple[Value, ...]]  # command, key without its prefix, the rest


@dataclass(slots=True)
class Commit:
    """Writes on one state: `stands_on` is the mark of the commit before, `sets` its own."""

    term: int
    stands_on: str
    sets: str
    writes: Sequence[Write]
    used: Sequence[bytes] = ()  # ids of entries of the inbox
    takes_on: bool = False  # a full Redis refuses it

    def arguments(self, prefix: str) -> tuple[list[str], list[Value]]:
        """Return its KEYS and ARGV."""
        numbers: dict[str, int] = {}
        args: list[Value] = [self.term, self.stands_on, self.sets, len(self.used), *self.used]
        for command, key, rest in self.writes:
            number = numbers.setdefault(key, len(numbers) + 1)
            args += (command, number, len(rest), *rest)
        return [prefix + key for key in ("term", "mark", "inbox", *numbers)], args


def count_writes(changes: Changes) -> int:
    count = len(changes.records) + len(changes.tables) + len(changes.logs) + len(changes.counts)
    for table in changes.tables.values():
        count += len(table.fields)
    for index in changes.indexes.values():
        count += len(index)
    for log in changes.logs.values():
        count += len(log.lines)
    return count


def count_bytes(writes: Sequence[Write]) -> int:
    return sum(len(value) for _, _, rest in writes for value in rest if isinstance(value, (bytes, str)))


class Upkeep:
    """Expiries and lengths that Redis has by this term's commits: said once a day, or every so many lines."""

    def __init__(self) -> None:
        self._expires: dict[str, int] = {}  # key → ms until which it surely lives
        self._lines: dict[str, int] = {}  # log → lines since it was trimmed

    def expires(self, key: str, kept: int, now: int) -> bool:
        """Return whether it has to be said how long a key lives."""
        return kept > 0 and (kept < LONG or self._expires.get(key, 0) < now + kept - DAY)

    def forget(self, key: str) -> None:
        """It may be gone: Redis keeps no empty table."""
        self._expires.pop(key, None)

    def is_long(self, log: str, lines: int, most: int) -> bool:
        return self._lines.get(log, most) + lines > most // 4

    def note(self, changes: Changes, now: int) -> None:
        """Take note of what was committed."""
        if len(self._expires) > MOST_NOTED or len(self._lines) > MOST_NOTED:
            self._expires.clear()
            self._lines.clear()
        kept = {name: table.kept for name, table in changes.tables.items() if not _may_end(table)}
        for name, log in changes.logs.items():
            kept[name] = log.kept
            trimmed = self.is_long(name, len(log.lines), log.most)
            self._lines[name] = 0 if trimmed else self._lines[name] + len(log.lines)
        for key, ms in kept.items():
            if self.expires(key, ms, now):
                self._expires[key] = now + ms


def _may_end(table: TableChange) -> bool:
    """Return whether it may not be there, or be kept for ever, after this: no expiry of it is known then."""
    return not table.fields or (table.cleared and not table.kept) or None in table.fields.values()


def postponed(writes: Sequence[Write], ms: int) -> Sequence[Write]:
    """Return the writes with each expiry so much later: by Redis's clock, the partition's times come later."""

    def rest_of(command: str, rest: tuple[Value, ...]) -> tuple[Value, ...]:
        if command == "PEXPIRE" or (command == "SET" and "PX" in rest[1:]):
            return (*rest[:-1], int(rest[-1]) + ms)
        return rest

    return [(command, key, rest_of(command, rest)) for command, key, rest in writes] if ms else writes


def life(kept: int) -> int:
    """Return the ms that Redis keeps a key: what lives long has its expiry said once a day."""
    return kept + SLACK + (DAY if kept >= LONG else 0)


def encode(
    changes: Changes,
    codec: Codec,
    gone: Set[str] = frozenset(),
    upkeep: Upkeep | None = None,
    now: int = 0,
    *,
    lives: Callable[[str], bool] = lambda _key: False,
) -> tuple[list[Write], dict[str, int]]:
    """Return the writes, and the bytes of each record. HandlingFailed where a value cannot be written.

    Of what is `gone`, Redis may have something left, which must not come back; nor what may have expired unseen: that
    is, all but what surely `lives`, by the time of the decision. Redis's own is some ms ahead by now.
    """
    upkeep = upkeep or Upkeep()
    writes: list[Write] = [("DEL", key, ()) for key in gone & (changes.tables.keys() | changes.logs.keys())]
    sizes: dict[str, int] = {}
    try:
        for key, record in changes.records.items():
            if record is None:
                writes.append(("DEL", key, ()))
                continue
            content = codec.record(record)
            sizes[key] = len(content)
            expiry = ("PX", record.lives + SLACK) if record.lives else ()
            writes.append(("SET", key, (content, *expiry)))
        for name, table in changes.tables.items():
            fresh, expires = table.cleared or name in gone, upkeep.expires(name, table.kept, now)
            writes += _unseen(name, may_be=expires and not fresh and not lives(name))
            writes += _table(name, table)
            if table.kept and (fresh or expires):
                writes.append(("PEXPIRE", name, (life(table.kept),)))
            if _may_end(table):
                upkeep.forget(name)
        for name, index in changes.indexes.items():
            writes += _index(name, index)
        for name, log in changes.logs.items():
            fresh = log.cleared or not log.lines or name in gone  # without lines it is cut, or cleared
            expires = upkeep.expires(name, log.kept, now)
            writes += _unseen(name, may_be=expires and not fresh and not lives(name))
            writes += _log(name, log)
            if not log.stream and (fresh or upkeep.is_long(name, len(log.lines), log.most)):
                writes.append(("LTRIM", name, (-log.most, -1)))
            if log.kept and (fresh or expires):
                writes.append(("PEXPIRE", name, (life(log.kept),)))
        added: list[Value] = [value for name, by in changes.counts.items() if by for value in (name, by)]
        writes += _split("COUNT", LEDGER, added)
    except Exception as error:  # what pydantic raises, and records that are none
        raise HandlingFailed(type(error).__name__, "relay/store/journal/writes.py") from error
    return writes, sizes


def _unseen(name: str, *, may_be: bool) -> Iterator[Write]:
    """Yield what drops a key that has expired for decisions, and that Redis keeps for a moment yet."""
    if may_be:
        yield "EXPIRED", name, (SLACK,)


def _table(name: str, table: TableChange) -> Iterator[Write]:
    if table.cleared:
        yield "DEL", name, ()
    given: list[Value] = []
    removed: list[Value] = []
    for key, value in table.fields.items():
        if value is None:
            removed.append(key)
        else:
            given += key, value
    yield from _split("HSET", name, given)
    if not table.cleared:
        yield from _split("HDEL", name, removed)


def _index(name: str, index: dict[str, int | None]) -> Iterator[Write]:
    placed: list[Value] = []
    removed: list[Value] = []
    for member, score in index.items():
        if score is None:
            removed.append(member)
        else:
            placed += int(score), member
    yield from _split("ZADD", name, placed)
    yield from _split("ZREM", name, removed)


def _log(name: str, log: LogChange) -> Iterator[Write]:
    if log.cleared:
        yield "DEL", name, ()
    lines: list[Value] = [*log.lines[-log.most :]]
    if log.stream:
        for line in lines:
            yield "XADD", name, ("MAXLEN", "~", log.most, "*", "r", line)
    else:
        yield from _split("RPUSH", name, lines)


def _split(command: str, name: str, arguments: list[Value]) -> Iterator[Write]:
    """Yield the command as often as it takes; where arguments are pairs, none is parted."""
    for at in range(0, len(arguments), MOST_ARGUMENTS):
        yield command, name, tuple(arguments[at : at + MOST_ARGUMENTS])
