"""States of channels and destinations as delivering recorded them, who paused what, and how much waits for it."""

from collections.abc import Sequence
from dataclasses import replace

from relay.engine.health import Health
from relay.engine.pauses import OperatorPause, PauseDestination, ResumeDestination
from relay.engine.records import PAUSED
from relay.policy.reachability import OPERATOR, Configuration, State, States, scopes, throttled_scope
from relay.store.queries.admin import Admin
from relay.store.queries.questions import Questions

LIMIT = 1000  # destinations that people have paused


class OperatorPauses(Questions):
    """Destinations that a person has paused: what is for them waits until the pause ends, or is lifted."""

    async def pause(self, destination: str, reason: str, by: str, *, seconds: float | None = None) -> None:
        """From now on, for so long; what is being sent at this moment still goes out. It takes the place of another."""
        ms = None if seconds is None else round(seconds * 1000)
        await self._store.submit(PauseDestination(destination, ms, reason, by))

    async def resume(self, destination: str) -> bool:
        """False: it was not paused by a person."""
        return bool(await self._store.submit(ResumeDestination(destination)))

    async def all(self, now: float) -> dict[str, State]:
        """Return the pauses in force, by destination; also those that the configuration has no more."""
        pauses = await self._named(OperatorPause, sorted(await self._members(PAUSED, LIMIT)))
        return {
            it.name: State("paused", it.since / 1000, it.reason, by=it.by, until=it.until / 1000 if it.ends else None)
            for it in pauses.values()
            if not it.ends or it.until > now * 1000
        }


class Reachability(Questions):
    async def states(self, config: Configuration, now: float) -> States:
        """Return the state of all scopes of this configuration, and operator:<destination> of what people paused."""
        states = await self.of(scopes(config), [*config.channels])
        states |= await self._throttled(config, now) | {scope: it for scope, it in states.items() if it.fails}
        paused = await OperatorPauses(self._store).all(now)
        pauses = {f"{OPERATOR}{name}": pause for name, pause in paused.items()}
        return states | await self._counted(pauses, [*config.channels])

    async def _throttled(self, config: Configuration, now: float) -> dict[str, State]:
        """Return the channels that the other side lets wait for long: they count as failing until then."""
        throttled = await Admin(self._store).throttled()
        parked = await Admin(self._store).parked([*config.channels], [*throttled])
        states = dict[str, State]()
        for it in sorted(throttled.values(), key=lambda it: it.until):
            scope = throttled_scope(config, it.name)
            if it.until > now * 1000:
                waits = parked.get(it.name, 0) + (states[scope].parked if scope in states else 0)
                states[scope] = State("failing", it.since / 1000, it.reason, until=it.until / 1000, parked=waits)
        return states

    async def of(self, scopes: Sequence[str], channels: Sequence[str]) -> dict[str, State]:
        """Return the state of these scopes; `channels` are those whose deliveries may wait for them."""
        healths = await self._named(Health, scopes)
        states = {scope: state_of(healths.get(scope)) for scope in scopes}
        failing = {scope: state for scope, state in states.items() if state.fails}
        return states | await self._counted(failing, channels)

    async def _counted(self, states: States, channels: Sequence[str]) -> dict[str, State]:
        """Add how many of these channels' deliveries wait for the end of each."""
        parked = await Admin(self._store).parked(channels, [*states])
        return {scope: replace(state, parked=parked.get(scope, 0)) for scope, state in states.items()}


def state_of(it: Health | None) -> State:
    if it and it.since:
        return State("failing", it.since / 1000, it.cause, it.refused)
    return State("works" if it and it.works else "never_tried")
