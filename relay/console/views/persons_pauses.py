"""The destinations that people have paused, as pages show them."""

from collections.abc import Mapping
from datetime import datetime

from relay.console.desk import Desk
from relay.console.times import moment
from relay.console.view import Facts
from relay.store.operator_pauses import OperatorPause, OperatorPauses


class PersonsPause(Facts):
    """Times in UTC; `until` is null where it has no end. `parked` deliveries wait for it."""

    destination: str
    by: str
    reason: str
    since: datetime | None
    until: datetime | None
    parked: int


async def persons_pauses(desk: Desk) -> Mapping[str, PersonsPause]:
    """By destination."""
    every = await OperatorPauses(desk.store, partial=True).all(desk.clock())
    scopes = [f"operator:{row.destination}" for row in every]
    parked = await desk.admin.parked([*desk.config().channels], scopes)
    return {row.destination: _pause(row, parked.get(f"operator:{row.destination}", 0)) for row in every}


def _pause(row: OperatorPause, parked: int) -> PersonsPause:
    return PersonsPause(
        destination=row.destination,
        by=row.by,
        reason=row.reason,
        since=moment(row.since),
        until=moment(row.until),
        parked=parked,
    )
