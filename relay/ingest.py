"""From a parsed event to the partition that decides on it, by the rules of the current configuration.

The receiver, a replay from the quarantine and everything that makes events of its own go this one way.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from logging import DEBUG
from typing import Any

import structlog

from relay import metrics
from relay.config import Config
from relay.domain.deliveries import Accepted, Target
from relay.domain.events import Event
from relay.domain.permissions import Permissions
from relay.engine.draft import Settings
from relay.engine.intake import Report
from relay.errors import Ignored, StoreUnavailable
from relay.log_lines import RateLimitedLog
from relay.outage import CROWDED
from relay.policy.targets import Targets
from relay.receiving.permissions import source_permissions
from relay.store.queue import Queue

log = structlog.get_logger(__name__)

REMINDER = 3600.0  # seconds between two lines of one source that uses its ids for several events
IDS = 10_000  # senders' ids that a process keeps in mind


IngestEvent = Callable[..., Awaitable[Accepted]]  # `Ingest.ingest`, or what is called before it


def guarded(ingest: IngestEvent, obstacle: Callable[[], Awaitable[str]]) -> IngestEvent:
    """Raise StoreUnavailable while `obstacle` gives a reason not to accept: a 2xx would promise too much."""

    async def admitted(*arguments: Any, **options: Any) -> Accepted:
        if reason := await obstacle():
            raise StoreUnavailable(reason)
        return await ingest(*arguments, **options)

    return admitted


class Rules(Settings):
    """Settings of decisions, from one configuration."""

    def __init__(self, config: Config, channels: Mapping[str, Any]) -> None:
        self.config = config
        self.job = config.job or ""
        self._targets = Targets(config, channels)
        self._permissions = source_permissions(config.sources)

    def targets(self, event: Event) -> Sequence[Target]:
        return self._targets.of(event)

    def targets_at(self, name: str, event: Event) -> Sequence[Target]:
        return self._targets.to(self.config.destinations_of(name), event)

    def brings_files(self, source: str) -> bool:
        permissions = self._permissions.get(source)
        return permissions is None or permissions.begins  # else links and files are taken out

    def asks(self, condition: str) -> bool:
        return self._targets.matcher.asks(condition)


@dataclass(eq=False)
class Ingest:
    """`config` is read anew for each event, so a reload takes effect between two of them."""

    store: Queue
    config: Callable[[], Config]
    channels: Mapping[str, Any]
    clock: Callable[[], float] = time.time
    fullness: Callable[[], float] = lambda: 0.0  # the part of Redis's memory that is used
    _rules: Rules | None = None  # of the configuration that was current last
    _ids: dict[tuple[str, str], str] = field(default_factory=dict)  # source and id → the operation that had it last

    def __post_init__(self) -> None:
        self._lines = RateLimitedLog(self.clock, REMINDER)
        self.store.journal.decided = self._decided
        self.apply()

    def apply(self) -> None:
        """Decide by the current configuration from now on."""
        config = self.config()
        if self._rules is None or self._rules.config is not config:
            self._rules = self.store.journal.settings = Rules(config, self.channels)

    async def ingest(
        self,
        event: Event,
        targets: Sequence[Target] | None = None,
        *,
        permissions: Permissions | None = None,
        act: str = "",
    ) -> Accepted:
        """Make the event durable with everyone who should hear of it: these `targets`, or those that the rules name.

        `permissions` are those of its source, where it may not say everything; `act` is the id of the act of a person
        who reports it. Raises StoreUnavailable, HandlingFailed, AmbiguousId, NotPermitted and Ignored.
        """
        self.apply()
        crowded = self.fullness() >= CROWDED
        accepted = await self.store.report(event, targets, permissions=permissions, crowded=crowded, act=act)
        if accepted.status == "ignored":
            raise Ignored("the end of a run that did nothing, and that nothing is known of")
        if log.is_enabled_for(DEBUG):
            log.debug(
                "event.received", source=event.source, event_id=event.id, name=event.name, subject=event.subject,
                status=event.status, percentage=event.percentage, outcome=accepted.status,
                deliveries=accepted.deliveries, held=dict(accepted.held),
            )  # fmt: skip
        return accepted

    def _decided(self, entry: Any, outcome: Any) -> None:
        """Count what senders do wrong, also in events that came to another process."""
        if not isinstance(entry, Report) or not isinstance(outcome, Accepted) or outcome.status == "ignored":
            return
        event = entry.event
        if outcome.differs:
            metrics.duplicates_differing.labels(event.source).inc()
        if outcome.id_reused or (outcome.status != "duplicate" and self._of_another(event)):
            self._reused(event)

    def _of_another(self, event: Event) -> bool:
        """Return whether its id came with another operation before, among those that this process took last."""
        if not event.id:
            return False
        name = (event.source, event.id)
        before = self._ids.pop(name, event.subject)
        self._ids[name] = event.subject
        if len(self._ids) > IDS:
            del self._ids[next(iter(self._ids))]
        return before != event.subject

    def _reused(self, event: Event) -> None:
        metrics.ids_reused.labels(event.source).inc()
        self._lines.warning(log, "event.id_reused", event.source, source=event.source, event_id=event.id,
                            meaning="its id had stood for another event; both are told, but an id should name one event"
                            )  # fmt: skip
