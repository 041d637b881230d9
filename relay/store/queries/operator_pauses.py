"""Destinations that a person has paused: what is for them waits until the end of the pause, or until it is lifted."""

from dataclasses import dataclass

from relay.engine.pauses import OperatorPause as Kept
from relay.engine.pauses import PauseDestination, ResumeDestination
from relay.engine.records import PAUSED
from relay.store.queries.questions import Questions
from relay.store.queries.reader import Span

LIMIT = 1000  # that are looked at


@dataclass(frozen=True, slots=True)
class OperatorPause:
    """Times are seconds since the epoch; `until` is None where it has no end."""

    destination: str
    by: str
    reason: str
    since: float
    until: float | None


class OperatorPauses(Questions):
    async def pause(self, destination: str, reason: str, by: str, *, seconds: float | None = None) -> None:
        """From now on, for so long; what is being sent at this moment still goes out. It takes the place of another."""
        ms = None if seconds is None else round(seconds * 1000)
        await self._store.submit(PauseDestination(destination, ms, reason, by))

    async def resume(self, destination: str) -> bool:
        """False: it was not paused by a person."""
        return bool(await self._store.submit(ResumeDestination(destination)))

    async def all(self, now: float) -> list[OperatorPause]:
        """Return the pauses in force, by name; also of destinations that the configuration has no more."""
        [paused] = await self._reader.members([Span(PAUSED, LIMIT)])
        pauses = await self._reader.records(Kept, sorted(name for name, _ in paused))
        return [
            OperatorPause(it.name, it.by, it.reason, it.since / 1000, it.until / 1000 if it.ends else None)
            for it in pauses
            if it and (not it.ends or it.until > now * 1000)
        ]
