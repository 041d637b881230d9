"""What somebody may have meant whose id is not known: other spellings, newer operations, and what was refused."""

from urllib.parse import urlencode

from relay.console.desk import Desk
from relay.console.view import Near
from relay.console.views.parts import sources
from relay.console.words import said
from relay.errors import StoreUnavailable
from relay.store.operations import OperationRow, Operations

UNKNOWN = said(
    "relay has not heard of %(id)s, or no more: operations are known for 30 days after their last event. Their ids "
    "are case-sensitive. Where its events were refused, the source's page says why."
)
MOST, SOURCES = 8, 8


async def near(desk: Desk, id_: str) -> list[Near]:
    """Bounded: the newest 500 operations are looked at."""
    try:
        spelled = {id_.strip(" \"'<>,.;"), id_.lower(), id_.upper()} - {id_}
        operations = Operations(desk.store, partial=True)
        rows = [row for name in sorted(spelled) if name for row in await operations.named(name)]
        rows += (await operations.page(text=id_, most=MOST)).rows
    except StoreUnavailable:
        return []
    rows_near = [_row(row) for row in {row.operation: row for row in rows}.values()][:MOST]
    refusing = [row.name for row in sources(desk) if row.refused]
    return rows_near + [_source(name) for name in refusing[:SOURCES]]


def _row(row: OperationRow) -> Near:
    stated = {"id": row.subject, "tenant": row.tenant, "project": row.project, "platform": row.platform}
    query = urlencode({name: value for name, value in stated.items() if value})
    return Near(f"/console/operation?{query}", "%(name)s", {"name": f"{row.name} {row.subject}".strip()})


def _source(name: str) -> Near:
    return Near(
        f"/console/source?{urlencode({'name': name})}", said("What source %(name)s was refused"), {"name": name}
    )
