"""All acts that a store's audit trail has."""

from redis.asyncio import Redis

from relay.store.audit import AuditEntry, AuditTrail
from relay.store.plain import Plain
from relay.store.sealing import Sealer


async def acts_of(redis: Redis, sealer: Sealer | None = None) -> list[AuditEntry]:
    """Return each once, oldest first."""
    rows, cursor, more = list[AuditEntry](), "", True
    while more:
        page = await AuditTrail(Plain(redis, sealer)).page(lambda _: True, cursor=cursor)
        rows += page.rows
        cursor = page.cursor
        more = bool(cursor)
    return rows[::-1]
