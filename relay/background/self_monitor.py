"""Self-monitoring: what is wrong with relay itself, observed every ten seconds in every process.

All processes share what is wrong and who was notified (relay/policy/notices.py), so of any number of them one sends a
notice, and a restart forgets nothing. A notice goes the ordinary way, as an event of relay's own, but for the rules.
"""

from collections import deque
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace

import structlog

from relay import metrics
from relay.config import Config
from relay.domain.deliveries import Accepted, Each, Target
from relay.domain.events import OPERATOR_EVENTS, Event
from relay.log_lines import RateLimitedLog
from relay.policy.destinations import Channels
from relay.policy.notices import (
    DESTINATION,
    KINDS,
    REFUSED,
    STORE,
    UNKNOWN,
    Cause,
    Notice,
    Observation,
    Troubles,
    causes_of_states,
    event_of,
    mark_sent,
    observe,
    plan_notice,
)
from relay.policy.reachability import channel_scope, destinations_of
from relay.policy.targets import Targets
from relay.receiving.unknown_words import UnknownWords
from relay.store import Store
from relay.store.queries.admin import Admin
from relay.store.queries.reachability import Reachability
from relay.store.queries.runs import Remembered, TroubleMemory

log = structlog.get_logger(__name__)

DAY = 86_400.0
MOST_DEATHS = 500  # dead letters that are looked at, the newest
RACES = 4  # with other processes; the next observation makes up for more
REMINDER = 3600.0  # seconds between two lines that say that no operator can be notified
WINDOW = 900.0  # seconds of requests that are looked at
LEAST, SHARE = 10, 0.2  # refused requests of a source in this time, and their part of all: fewer are everyday
TAKEN = frozenset({"accepted", "duplicate", "late"})
REFUSALS = frozenset({
    "malformed", "unsigned", "too_slow", "too_large", "unsupported", "invalid", "rate_limited", "unavailable", "fault",
})  # fmt: skip
# At once, at any hour, and whatever its reader has unsubscribed from: it is their duty, and no newsletter.
AT_ONCE = Each(bypass_quiet_hours=True, essential=True)


@dataclass(eq=False)
class SelfMonitor:
    """Observations of relay itself. `send` must not depend on what may be accepted from outside."""

    store: Store
    config: Callable[[], Config]
    channels: Channels
    send: Callable[[Event, tuple[Target, ...]], Awaitable[Accepted]]
    lacks: Callable[[], Mapping[str, str]]  # of the store, by name, and why
    clock: Callable[[], float]
    parts: Collection[str] = ()  # of the work that this process does (relay/store/queries/runs.py)
    words: UnknownWords = field(default_factory=UnknownWords)
    remembered: Remembered | None = None
    # At each observation.
    _requests: deque[tuple[float, Mapping[tuple[str, str], float]]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self._admin = Admin(self.store)
        self._memory = TroubleMemory(self.store)
        self._reachability = Reachability(self.store)
        self._lines = RateLimitedLog(self.clock, REMINDER)

    async def tick(self, _now: float) -> None:
        """Observe once. Raises StoreUnavailable; what is not notified then is with the next tick."""
        self.remembered = await self._memory.look(self.parts)
        observation = await self._observation(self.remembered.now)
        troubles = await self._changed(lambda was, now: plan_notice(observe(was, observation, now), now, self._targets))
        for kind in KINDS:
            metrics.troubles.labels(kind).set(sum(row.cause.kind == kind for row in troubles.open))
        if troubles.pending:
            await self._queue(troubles.pending, troubles.blocked)
            return
        why = "all operators' destinations are part of it" if self.config().operators else "there are no operators"
        for cause in [row.cause for row in troubles.due(self.remembered.now)]:
            self._lines.error(log, "operators.unheard", cause.kind, trouble=f"{cause.kind} {cause.name}".strip(),
                              reason=cause.reason, why=why)  # fmt: skip

    async def _observation(self, now: float) -> Observation:
        config = self.config()
        states = await self._reachability.states(config, now)
        waiting = await self._admin.waiting([*config.channels], now)
        causes = [
            *causes_of_states(states, waiting, destinations_of(config), now),
            *(Cause(STORE, name, now, why) for name, why in self.lacks().items()),
            *self._refusing(now),
            *(Cause(UNKNOWN, f'{source}: "{word}"', now) for source, word in self.words.noticed(self.clock())),
        ]
        deaths = await self._admin.deaths(now - DAY, MOST_DEATHS)
        return Observation(tuple(causes), tuple(its for its in deaths if its.event not in OPERATOR_EVENTS), states)

    def _refusing(self, now: float) -> Iterator[Cause]:
        """Return the sources of which more is refused than is everyday; `reason` is why most of it was."""
        totals = request_counts()
        while self._requests and not 0 <= now - self._requests[0][0] <= WINDOW:
            self._requests.popleft()
        self._requests.append((now, totals))
        since, before = self._requests[0]
        new = {key: int(count - before.get(key, 0.0)) for key, count in totals.items()}
        for source in sorted({source for source, _ in new if source}):
            refused = {
                outcome: count for (name, outcome), count in new.items() if name == source and outcome in REFUSALS
            }
            count = sum(refused.values())
            total = count + sum(new.get((source, outcome), 0) for outcome in TAKEN)
            if count >= LEAST and count > SHARE * total:
                yield Cause(REFUSED, source, since, max(refused, key=refused.__getitem__), count, total)

    async def _changed(self, change: Callable[[Troubles, float], Troubles]) -> Troubles:
        """Change what is shared; begin anew where another process was first."""
        for _ in range(RACES):
            remembered = await self._memory.look()
            was = _loaded(remembered.text)
            becomes = change(was, remembered.now)
            text = becomes.dump()
            if text == remembered.text or await self._memory.keep(remembered.text, text):
                return becomes
        return was

    async def _queue(self, notice: Notice, blocked: frozenset[str]) -> None:
        """Queue the notice, however often: it is one fact, and told once."""
        targets = self._targets(blocked)
        if not targets:  # what they could be told through broke meanwhile
            return
        accepted = await self.send(event_of(notice), targets)
        if accepted.status == "accepted":
            metrics.operators_told.labels(notice.name).inc()
            log.warning(
                notice.name,
                notice=notice.id,
                troubles=[f"{row['kind']} {row['name']}".strip() for row in notice.troubles],
                told=sorted({target.destination for target in targets}),
            )
        await self._changed(lambda was, _now: mark_sent(was, notice.id))

    def _targets(self, avoids: frozenset[str]) -> tuple[Target, ...]:
        """Return the operators' addresses outside of the scopes to avoid, without the cap on new messages."""
        config, targets = self.config(), []
        services = Targets(config, self.channels)
        for name in config.operators:
            channel, service = config.destinations[name].channel, services.service(config.destinations[name])
            for address, limits in service.addresses:
                if avoids.isdisjoint((channel_scope(config, channel, address), f"{DESTINATION}:{name}/{address}")):
                    uncapped = replace(limits, new_message_cap=None, edit=())
                    options = replace(service.options, mention={})
                    targets.append(Target(name, channel, address, limits=uncapped, how=AT_ONCE, options=options))
        return tuple(targets)


def request_counts() -> dict[tuple[str, str], float]:
    """Return the requests by source and outcome, since this process began."""
    return {
        (sample.labels["source"], sample.labels["outcome"]): sample.value
        for metric in metrics.events.collect()
        for sample in metric.samples
        if sample.name.endswith("_total")
    }


def _loaded(text: str) -> Troubles:
    """Return what is shared; what another release wrote, and this one cannot read, begins anew."""
    try:
        return Troubles.load(text)
    except ValueError:
        log.warning("troubles.unreadable")
        return Troubles()
