"""Health of channels and of destinations' addresses: the last success, and since when and why they fail."""

from relay.engine.entries import RecordWorks, Settings
from relay.engine.records import Health
from relay.engine.state import Draft


def record_success(d: Draft, scope: str) -> None:
    health = d.edit(Health, scope)
    health.works, health.since, health.refused = d.now, 0, False


def record_failure(d: Draft, scope: str, lane: str, cause: str, *, refused: bool) -> None:
    """Record a failed attempt.

    lane     of the message: those of a lane are no two messages
    refused  credentials or an address of relay's own were refused, and no time mends that
    """
    health = d.edit(Health, scope)
    health.since = health.since or d.now
    health.failed, health.by, health.cause, health.refused = d.now, lane, cause, refused


def record_works(d: Draft, entry: RecordWorks, _: Settings) -> None:
    """Record that a test message got through, where no delivery has found out anything yet."""
    for scope in entry.scopes:
        known = d.get(Health, scope)
        if known is None or not known.works:
            d.edit(Health, scope).works = d.now
