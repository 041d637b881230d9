"""Pages of the audit trail, newest first: however long the streams are, a page reads few of their rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from relay.store import keys
from relay.store.audit import AuditEntry, AuditTrail, entry_of
from relay.store.queries.paging import Page, Position, Row, lines, page_of
from relay.store.queries.reader import Line, Stretch, id_of

LOOKED = 2000  # rows that one page looks at
READ = 200  # rows that are read at once
STREAMS = {"0": keys.AUDIT, "1": keys.AUDIT_STRANGERS}

_Key = tuple[str, str]  # of an act: its stream, and its first row there


async def audit_page(
    trail: AuditTrail, fits: Callable[[AuditEntry], bool], *, since: float = 0.0, cursor: str = "", limit: int = 50
) -> Page[AuditEntry]:
    """The newest acts since then (seconds since the epoch) that are `fits`, each once, with what came of it.

    StoreUnavailable, and ValueError for a cursor that no page gave.
    """
    ended: dict[_Key, Mapping[bytes, bytes]] = {}

    async def stretches(asked: Sequence[Stretch]) -> list[list[Line]]:
        return [[Line(*id_of(id_), row) for id_, row in await _rows(trail, one)] for one in asked]

    async def read(rows: Sequence[Row]) -> list[tuple[_Key, AuditEntry] | None]:
        return [_act(row) for row in rows]

    def _act(row: Row) -> tuple[_Key, AuditEntry] | None:
        ms, number, name = row.position
        if first := row.content.get(b"of"):
            ended[STREAMS[name], first.decode()] = row.content
            return None
        entry = entry_of(f"{ms}-{number}", row.content)
        return ((STREAMS[name], entry.id), entry) if fits(entry) else None

    source = lines(stretches, "", [*STREAMS], READ, since=since, behind=Position.load(cursor))
    page = await page_of(source, read, limit=limit, looked=LOOKED, step=READ)
    # Of an act that lasted, the end may be on the page before.
    ended |= await trail.ends([key for key, entry in page.rows if not entry.outcome and key not in ended])
    rows = [_with_end(entry, ended.get(key)) for key, entry in page.rows]
    return Page(rows, page.cursor, page.looked, page.looked_to)


async def _rows(trail: AuditTrail, asked: Stretch) -> list[tuple[bytes, Mapping[bytes, bytes]]]:
    end = f"({asked.before[0]}-{asked.before[1]}" if asked.before else "+"
    return await trail.before(STREAMS[asked.name], end, f"{asked.since}", asked.limit)


def _with_end(entry: AuditEntry, end: Mapping[bytes, bytes] | None) -> AuditEntry:
    """Return an act with its outcome."""
    return entry if end is None else replace(entry_of(entry.id, end), at=entry.at)
