"""Pages of the audit trail, newest first: however long the streams are, a page reads few of their rows."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from relay.store import keys
from relay.store.audit import AuditEntry, AuditTrail, entry_of

LOOKED = 2000  # rows that one page looks at, about
READ = 200  # rows of a stream that are read at once
STREAMS = (keys.AUDIT, keys.AUDIT_STRANGERS)

_CURSOR = re.compile(r"(\d{1,15})-(\d{1,15})-([01])")
_Position = tuple[int, int, int]  # of a row: its id, and the number of its stream; the greatest is the newest
_Row = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class AuditPage:
    """Newest first. `cursor` asks for what is older; '' if there is nothing.

    Where as many rows were looked at as a page may, those are all since `looked_to` (seconds since the epoch).
    """

    rows: Sequence[AuditEntry]
    cursor: str
    looked_to: float | None


async def audit_page(
    trail: AuditTrail, fits: Callable[[AuditEntry], bool], *, since: float = 0.0, cursor: str = "", limit: int = 50
) -> AuditPage:
    """The newest acts since then (seconds since the epoch) that are `fits`, each once, with what came of it.

    StoreUnavailable, and ValueError for a cursor that no page gave.
    """
    last, looked, more = _position(cursor) if cursor else None, 0, True
    chosen: dict[_Position, AuditEntry] = {}
    ended: dict[tuple[str, str], _Row] = {}  # by stream and first row
    while more and len(chosen) < limit and looked < LOOKED:
        rows, more = await _rows(trail, last, since)
        for position, row in rows:
            last, looked = position, looked + 1
            if first := row.get(b"of"):
                ended[STREAMS[position[2]], first.decode()] = row
                continue
            entry = entry_of(_id(position), row)
            if fits(entry):
                chosen[position] = entry
            if len(chosen) == limit:
                more = True
                break
    acts = {(STREAMS[position[2]], entry.id): entry for position, entry in chosen.items()}
    # Of an act that lasted, the end may be on the page before.
    ended |= await trail.ends([key for key, entry in acts.items() if not entry.outcome and key not in ended])
    entries = [_with_end(entry, ended.get(key)) for key, entry in acts.items()]
    cursor = "-".join(map(str, last)) if more and last else ""
    return AuditPage(entries, cursor, last[0] / 1000 if cursor and last and len(entries) < limit else None)


async def _rows(trail: AuditTrail, before: _Position | None, since: float) -> tuple[list[tuple[_Position, _Row]], bool]:
    """The next ones of both streams, newest first; and whether there are more."""
    read, goes_on = list[tuple[_Position, _Row]](), list[_Position]()
    for number, name in enumerate(STREAMS):
        end = "+"
        if before:
            end = f"{'' if number < before[2] else '('}{before[0]}-{before[1]}"
        page = await trail.before(name, end, f"{max(0, int(since * 1000))}", READ)
        rows = [((*map(int, id_.split(b"-")), number), row) for id_, row in page]
        read += rows  # type: ignore[arg-type]
        if len(page) == READ:
            goes_on.append(rows[-1][0])  # type: ignore[arg-type]
    # What is older than the end of a stream that goes on could follow something that was not read.
    oldest = max(goes_on, default=(0, 0, 0))
    read.sort(key=lambda row: row[0], reverse=True)
    return [row for row in read if row[0] >= oldest], bool(goes_on)


def _with_end(entry: AuditEntry, end: _Row | None) -> AuditEntry:
    """Return an act with its outcome."""
    if end is None:
        return entry
    over = entry_of(entry.id.encode(), end)
    return replace(over, id=entry.id, at=entry.at)


def _id(position: _Position) -> bytes:
    return b"%d-%d" % (*islice(position, 2),)


def _position(cursor: str) -> _Position:
    match = _CURSOR.fullmatch(cursor)
    if not match:
        raise ValueError("expected the cursor of an earlier page")
    return int(match[1]), int(match[2]), int(match[3])
