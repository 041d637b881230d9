"""What is left of the rate of an address, and until when it waits, as pages show it."""

from collections.abc import Sequence
from datetime import datetime

from relay.console.desk import Desk
from relay.console.times import moment
from relay.console.view import Facts
from relay.domain.deliveries import Limits, Target
from relay.store.budgets import Budget, Budgets


class LimitFacts(Facts):
    """One limit of an address.

    of         `new` messages or an `edit`, of which one more may go after each `per` seconds, `most` at once; or new
               `live` messages and those `requested` by operations, of which `most` may go in each `per` seconds
    left       how many may go now, the next at `free_at` (null: at once)
    throttled  until when the other side wants none, and why; null if it takes them
    shared     all addresses of the channel are under it
    """

    of: str
    most: int
    per: float
    left: int
    free_at: datetime | None
    throttled: datetime | None
    why: str
    shared: bool


async def limits_of(desk: Desk, destination: str, places: Sequence[tuple[str, str, Limits]]) -> list[list[LimitFacts]]:
    """Of each of the places: channel, address and what it runs under."""
    targets = [Target(destination, channel, address, limits=limits) for channel, address, limits in places]
    return [[_facts(row) for row in rows] for rows in await Budgets(desk.store).of(targets, desk.clock())]


def _facts(row: Budget) -> LimitFacts:
    return LimitFacts(
        of=row.kind,
        most=row.most,
        per=row.per,
        left=row.left,
        free_at=moment(row.free_at),
        throttled=moment(row.throttled),
        why=row.reason,
        shared=row.shared,
    )
