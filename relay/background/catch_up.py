"""Catch-up: asks senders to redeliver what relay did not take while it was away. GitHub repeats nothing by itself."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import NamedTuple

import structlog

from relay.errors import PlatformError
from relay.platform.github import MOST, Hook, Round
from relay.receiving.sources import Source

log = structlog.get_logger(__name__)

PERIOD = 120.0  # seconds from round to round of all processes together: no less than one may last (scheduler.LONGEST)
LATER = 600.0  # seconds until GitHub is asked again that does not answer


class CaughtUp(NamedTuple):
    """Outcome for one webhook."""

    source: str
    hook: str
    found: Round = Round()
    error: PlatformError | None = None

    def __str__(self) -> str:
        if self.error:
            return f"{self.source}: {self.error}"
        failed, requested, rest = self.found
        if not failed:
            return f"{self.source}: nothing is left to redeliver by {self.hook}"
        more = f"; ask again for {rest} more" if rest else ""
        return f"{self.source}: {requested} of {failed} failed deliveries are redelivered by {self.hook}{more}"


def hooks_of(sources: Mapping[str, Source]) -> dict[str, tuple[str, str]]:
    """Return the source and the token of each webhook that can be asked."""
    clients = ((name, source.catch_up) for name, source in sources.items() if source.catch_up)
    return {hook: (name, of.token.get_secret_value()) for name, of in clients for hook in of.hooks}


async def catch_up(hooks: Mapping[str, tuple[str, str]], now: float, *, every: bool = False) -> list[CaughtUp]:
    """Ask for what failed, at most MOST in all. `every`: also for what was in vain before."""
    done: list[CaughtUp] = []
    for hook, (source, token) in hooks.items():
        try:
            limit = MOST - sum(each.found.asked for each in done)
            done.append(CaughtUp(source, hook, await Hook(hook, token, now).redeliver_failed(limit, every=every)))
        except PlatformError as error:
            done.append(CaughtUp(source, hook, error=error))
    return done


@dataclass(eq=False)
class CatchUpTick:
    """Rounds after a start, and for webhooks that a reload brings, until nothing is left to ask for.

    A second round sees what became of the first, which may have come before a balancer knew that relay is back.
    `turn`: `TroubleMemory.turn`.
    """

    sources: Callable[[], Mapping[str, Source]]
    turn: Callable[[str, float], Awaitable[bool]]
    _next: dict[str, float] = field(default_factory=dict)  # when a webhook is asked again

    async def tick(self, now: float) -> None:
        """Make one round, if it is due and no other process does. Raises StoreUnavailable."""
        due = {hook: of for hook, of in hooks_of(self.sources()).items() if now >= self._next.get(hook, 0.0)}
        if due and await self.turn("catch-up", PERIOD):
            for done in await catch_up(due, now):
                self._next[done.hook] = _next(done, now)


def _next(done: CaughtUp, now: float) -> float:
    """Return when the webhook is asked again; never, once nothing is left, and where a person has to act."""
    if done.error:
        again = done.error.temporary
        advice = "it is asked again" if again else "`relay catch-up github` asks again"
        log.warning("catch_up.failed", source=done.source, error=str(done.error), advice=advice)
        return now + (done.error.retry_after or LATER) if again else inf
    if not (done.found.asked or done.found.rest):
        return inf
    log.info("catch_up.asked", source=done.source, hook=done.hook, **done.found._asdict())
    return now
