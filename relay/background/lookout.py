"""Self-monitoring: a look each ten seconds, in every process.

All processes remember together what is wrong and who was told (relay/policy/troubles.py), so of any number of them one
is heard, and a restart forgets nothing. What is to be told goes the ordinary way, as an event of relay's own, but for
the rules: it is for the operators that the trouble is not about.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any, Protocol

import structlog

from relay import metrics
from relay.background.intake import Intake
from relay.background.operators import targets
from relay.config import Config
from relay.domain.deliveries import Accepted, Target
from relay.domain.events import Event
from relay.policy.causes import KINDS, STORE, TEMPLATE, Cause, Sight, of_states
from relay.policy.reachability import destinations_of
from relay.policy.troubles import Notice, Troubles, event_of, looked, noticed, queued
from relay.receiving.problems import RateLimitedLog
from relay.store import Store
from relay.store.admin import Admin
from relay.store.reachability import Reachability
from relay.store.troubles import Remembered, TroubleMemory

log = structlog.get_logger(__name__)

DAY = 86_400.0
MOST_DEATHS = 500  # dead letters that are looked at, the newest
RACES = 4  # with other processes' looks; the next look makes up for more
REMINDER = 3600.0  # seconds between two lines that say that nobody can be told


class Tell(Protocol):
    """Makes an event durable with these targets. Raises StoreUnavailable, and HandlingFailed."""

    async def __call__(self, event: Event, targets: tuple[Target, ...]) -> Accepted: ...


class Lookout:
    """`tell` must not depend on what may be accepted from outside: a store that takes no events may still take this.

    templates  the templates that failed, and why
    store_is   what the store lacks, by name, and why
    parts      of the work that this process does (relay/store/troubles.py)
    """

    def __init__(
        self,
        store: Store,
        config: Callable[[], Config],
        channels: Mapping[str, Any],
        tell: Tell,
        *,
        templates: Callable[[], Mapping[str, str]],
        store_is: Callable[[], Mapping[str, str]],
        clock: Callable[[], float],
        parts: Collection[str] = (),
    ) -> None:
        self._admin = Admin(store, partial=True)
        self._memory = TroubleMemory(store)
        self._reachability = Reachability(store, partial=True)
        self._config = config
        self._channels = channels
        self._tell = tell
        self._templates = templates
        self._store_is = store_is
        self._parts = parts
        self._intake = Intake()
        self._lines = RateLimitedLog(clock, REMINDER)
        self.troubles = Troubles()  # as of the last look
        self.remembered: Remembered | None = None

    async def tick(self, _now: float) -> None:
        """One look. Raises StoreUnavailable; what is not told then is told by the next look."""
        self.remembered = await self._memory.look(self._parts)
        sight = await self._sight(self.remembered.now)
        troubles = await self._changed(lambda was, now: noticed(looked(was, sight, now), now, self._reachable))
        for kind in KINDS:
            metrics.troubles.labels(kind).set(sum(row.cause.kind == kind for row in troubles.open))
        self._say_unheard(troubles)
        if notice := troubles.pending:
            await self._queue(notice)

    async def _changed(self, change: Callable[[Troubles, float], Troubles]) -> Troubles:
        """What is remembered after this change, which is begun anew where another process was first."""
        for _ in range(RACES):
            remembered = await self._memory.look()
            was = _loaded(remembered.text)
            self.troubles = change(was, remembered.now)
            text = self.troubles.dump()
            if text == remembered.text or await self._memory.keep(remembered.text, text):
                return self.troubles
        self.troubles = was
        return was

    async def _queue(self, notice: Notice) -> None:
        """Into the queue, however often: it is one fact, and told once."""
        config = self._config()
        reachable = targets(config, self._channels, {*notice.avoids} | self.troubles.blocked)
        if not reachable:  # what they could be told through broke meanwhile; it is told once somebody can be
            return
        accepted = await self._tell(event_of(notice), reachable)
        if accepted.status == "accepted":
            metrics.operators_told.labels(notice.name).inc()
            log.warning(
                notice.name,
                notice=notice.id,
                troubles=[f"{row['kind']} {row['name']}".strip() for row in notice.troubles],
                told=sorted({target.destination for target in reachable}),
            )
        await self._changed(lambda was, _now: queued(was, notice.id))

    def _reachable(self, avoids: Collection[str]) -> bool:
        return bool(targets(self._config(), self._channels, avoids))

    def _say_unheard(self, troubles: Troubles) -> None:
        """In the log, where no operator can be told."""
        config = self._config()
        unheard = [row.cause for row in troubles.open if row.missed and not row.announced]
        if not unheard or self._reachable(troubles.blocked):
            return
        why = "all operators' destinations are part of it" if config.operators else "there are no operators to tell"
        for cause in unheard:
            self._lines.error(log, "operators.unheard", cause.kind, trouble=f"{cause.kind} {cause.name}".strip(),
                              reason=cause.reason, why=why)  # fmt: skip

    async def _sight(self, now: float) -> Sight:
        config = self._config()
        states = await self._reachability.states(config, now)
        causes = of_states(states, await self._admin.waiting([*config.channels], now), destinations_of(config), now)
        causes += [Cause(TEMPLATE, name.removeprefix("template:"), now, why) for name, why in self._templates().items()]
        causes += [Cause(STORE, name, now, why) for name, why in self._store_is().items()]
        causes += self._intake.causes(now)
        deaths = await self._admin.deaths(now - DAY, MOST_DEATHS)
        return Sight(tuple(causes), tuple(deaths), states)


def _loaded(text: str) -> Troubles:
    """What was remembered; what another release wrote, and this one cannot read, begins anew."""
    try:
        return Troubles.load(text)
    except ValueError:
        log.warning("troubles.unreadable")
        return Troubles()
