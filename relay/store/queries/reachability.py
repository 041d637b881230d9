"""States of channels and destinations as delivering recorded them, with who paused what and how much waits for it."""

from collections.abc import Sequence
from dataclasses import replace

from relay.engine.health import Health
from relay.policy.reachability import OPERATOR, Configuration, State, States, scopes
from relay.store.queries.backlog import Backlog
from relay.store.queries.operator_pauses import OperatorPauses
from relay.store.queries.questions import Questions


class Reachability(Questions):
    async def states(self, config: Configuration, now: float) -> States:
        """Return the state of all scopes of this configuration, and operator:<destination> of what people paused."""
        states = await self.of(scopes(config), [*config.channels])
        pauses = {f"{OPERATOR}{row.destination}": row for row in await OperatorPauses(self._store).all(now)}
        parked = await Backlog(self._store).parked([*config.channels], [*pauses])
        return states | {
            scope: State("paused", row.since, row.reason, by=row.by, until=row.until, parked=parked.get(scope, 0))
            for scope, row in pauses.items()
        }

    async def of(self, scopes: Sequence[str], channels: Sequence[str]) -> dict[str, State]:
        """Return the state of these scopes; `channels` are those whose deliveries may wait for them."""
        healths = await self._named(Health, scopes)
        states = {scope: state_of(healths.get(scope)) for scope in scopes}
        failing = [scope for scope, state in states.items() if state.fails]
        parked = await Backlog(self._store).parked(channels, failing)
        return states | {scope: replace(states[scope], parked=parked.get(scope, 0)) for scope in failing}


def state_of(it: Health | None) -> State:
    if it and it.since:
        return State("failing", it.since / 1000, it.cause, it.refused)
    return State("works" if it and it.works else "never_tried")
