"""All acts that a store's audit trail has."""

from redis.asyncio import Redis

from relay.store.audit import AuditEntry, AuditTrail
from relay.store.plain import Plain


async def acts_of(redis: Redis) -> list[AuditEntry]:
    """Return each once, oldest first."""
    rows, cursor, more = list[AuditEntry](), "", True
    while more:
        page = await AuditTrail(Plain(redis)).page(lambda _: True, cursor=cursor)
        rows += page.rows
        cursor = page.cursor
        more = bool(cursor)
    return rows[::-1]
