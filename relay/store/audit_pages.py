"""Pages of the audit trail, newest first: however long the streams are, a page reads few of their rows."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from relay.store import keys
from relay.store.audit import AuditEntry, AuditTrail, entry_of
from relay.store.queries.paging import Page, Position

LOOKED = 2000  # rows that one page looks at, about
READ = 200  # rows of a stream that are read at once
STREAMS = {"0": keys.AUDIT, "1": keys.AUDIT_STRANGERS}  # by the name of a row's place

_Row = Mapping[bytes, bytes]


async def audit_page(
    trail: AuditTrail, fits: Callable[[AuditEntry], bool], *, since: float = 0.0, cursor: str = "", limit: int = 50
) -> Page[AuditEntry]:
    """The newest acts since then (seconds since the epoch) that are `fits`, each once, with what came of it.

    StoreUnavailable, and ValueError for a cursor that no page gave.
    """
    last, looked, more = Position.load(cursor), 0, True
    acts: dict[tuple[str, str], AuditEntry] = {}  # by stream and first row
    ended: dict[tuple[str, str], _Row] = {}
    while more and len(acts) < limit and looked < LOOKED:
        rows, more = await _rows(trail, last, since)
        for last, row in rows:
            stream, looked = STREAMS[last.name], looked + 1
            if first := row.get(b"of"):
                ended[stream, first.decode()] = row
                continue
            entry = entry_of(f"{last.ms}-{last.number}", row)
            if fits(entry):
                acts[stream, entry.id] = entry
            if len(acts) == limit:
                more = True
                break
    # Of an act that lasted, the end may be on the page before.
    ended |= await trail.ends([key for key, entry in acts.items() if not entry.outcome and key not in ended])
    entries = [_with_end(entry, ended.get(key)) for key, entry in acts.items()]
    go_on = last if more else None
    looked_to = go_on.ms / 1000 if go_on and len(entries) < limit else None
    return Page(entries, go_on.dump() if go_on else "", looked, looked_to)


async def _rows(trail: AuditTrail, before: Position | None, since: float) -> tuple[list[tuple[Position, _Row]], bool]:
    """The next ones of both streams, newest first; and whether there are more."""
    read, goes_on = list[tuple[Position, _Row]](), list[Position]()
    for place, stream in STREAMS.items():
        end = f"{'' if place < before.name else '('}{before.ms}-{before.number}" if before else "+"
        page = await trail.before(stream, end, f"{max(0, int(since * 1000))}", READ)
        for id_, row in page:
            ms, number = map(int, id_.split(b"-"))
            read.append((Position(ms, number, place), row))
        if len(page) == READ:
            goes_on.append(read[-1][0])
    # What is older than the end of a stream that goes on could follow something that was not read.
    oldest = max(goes_on, default=Position(0, 0, ""))
    read.sort(key=lambda row: row[0], reverse=True)
    return [row for row in read if row[0] >= oldest], bool(goes_on)


def _with_end(entry: AuditEntry, end: _Row | None) -> AuditEntry:
    """Return an act with its outcome."""
    return entry if end is None else replace(entry_of(entry.id, end), at=entry.at)
