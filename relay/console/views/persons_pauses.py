"""The destinations that people have paused, as pages show them."""

from datetime import datetime

from relay.console.times import moment
from relay.console.view import Facts
from relay.policy.reachability import OPERATOR, States


class PersonsPause(Facts):
    """Times in UTC; `until` is null where it has no end. `parked` deliveries wait for it."""

    destination: str
    by: str
    reason: str
    since: datetime | None
    until: datetime | None
    parked: int


def persons_pauses(states: States) -> dict[str, PersonsPause]:
    """Return them by destination."""
    return {
        name: PersonsPause(
            destination=name,
            by=state.by,
            reason=state.cause,
            since=moment(state.since),
            until=moment(state.until),
            parked=state.parked,
        )
        for scope, state in states.items()
        if (name := scope.removeprefix(OPERATOR)) != scope
    }
