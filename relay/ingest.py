"""From a parsed event to its deliveries: earlier facts are filled in, the rules decide, the store accepts.

The receiver, a replay from the quarantine and everything that makes events of its own go this one way.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from weakref import WeakValueDictionary

import structlog

from relay import metrics
from relay.config import Config
from relay.domain.deliveries import Accepted, Target
from relay.domain.events import Event
from relay.domain.facts import PRESSED, Space, complete_outcome, fill, number_member, placed, states_all
from relay.domain.failed_phases import FAILED_PHASE, FAILURE, is_failed_phase, lacks_cause, with_cause
from relay.domain.jobs import Job, named
from relay.domain.permissions import Permissions, listed_members
from relay.domain.run_numbers import compare
from relay.errors import Ignored, NoRoom, StoreUnavailable, handling
from relay.outage import CROWDED
from relay.policy.presentation import as_failure, mark_informed
from relay.policy.silences import Silences
from relay.policy.targets import Targets
from relay.receiving.problems import RateLimitedLog
from relay.store import Store
from relay.store.jobs import Jobs

log = structlog.get_logger(__name__)

REMINDER = 3600.0  # seconds between two lines of one source that uses its ids for several events
IDS = 10_000  # senders' ids that a process keeps in mind
RACES = 4  # that an event may lose; whose run an id is gets decided once, so the second look finds it


IngestEvent = Callable[..., Awaitable[Accepted]]  # `Ingest.ingest`, or what is called before it


def guarded(ingest: IngestEvent, obstacle: Callable[[], Awaitable[str]]) -> IngestEvent:
    """Raise StoreUnavailable while `obstacle` gives a reason not to accept: a 2xx would promise too much."""

    async def admitted(*arguments: Any, **options: Any) -> Accepted:
        if reason := await obstacle():
            raise StoreUnavailable(reason)
        return await ingest(*arguments, **options)

    return admitted


@dataclass(eq=False)
class Ingest:
    """`config` is read anew for each event, so a reload takes effect between two of them."""

    store: Store
    config: Callable[[], Config]
    channels: Mapping[str, Any]
    clock: Callable[[], float] = time.time
    fullness: Callable[[], float] = lambda: 0.0  # the part of Redis's memory that is used
    silences: Silences = field(default_factory=Silences)  # without them messages are held when they are sent
    wake: Callable[[Iterable[str]], None] = lambda _: None  # takes the channels that have something
    _made: Targets | None = None  # for the configuration that was current last
    _ids: dict[tuple[str, str], str] = field(default_factory=dict)  # source and id → the operation that had it last

    def __post_init__(self) -> None:
        self._lines = RateLimitedLog(self.clock, REMINDER)
        self._jobs = Jobs(self.store)
        self._ending: WeakValueDictionary[Job, asyncio.Lock] = WeakValueDictionary()

    async def ingest(
        self, event: Event, targets: Sequence[Target] | None = None, *, permissions: Permissions | None = None
    ) -> Accepted:
        """Make the event durable with everyone who should hear of it: these `targets`, or those that the rules name.

        `permissions` are those of its source, where it may not say everything. Raises StoreUnavailable, HandlingFailed,
        AmbiguousId and NotPermitted.
        """
        if targets is not None:
            return await self._accepted(event, targets)
        limits = permissions if permissions and permissions.needs_facts else None
        if limits is None and states_all(event):
            accepted = await self._decided(event, unasked=True)
            if accepted.status != "elsewhere":
                return accepted
        for _ in range(RACES):
            accepted = await self._decided(event, permissions=limits)
            if accepted.status != "elsewhere":
                return accepted
        raise NoRoom(f"{event.subject}: whose run it is changed {RACES} times while it was looked up")

    async def _decided(
        self, event: Event, *, unasked: bool = False, permissions: Permissions | None = None
    ) -> Accepted:
        """`unasked`: without asking what is known of its operation, which the store then looks at by itself."""
        if not unasked:
            event = await (
                self._placed_batch(event, permissions) if event.about_batch else self._filled(event, permissions)
            )
        if event.compared and event.compared.late:
            return Accepted("late")
        with handling():
            if unasked:
                event = compare(event, {})
            if (template := self.config().job) and event.operation:
                event = replace(event, job=named(template, event.operation.document, event.document))
            asks = event.terminal and self._rules().matcher.asks("changes")
        if not asks or not (job := await self._jobs.of(event)):
            return await self._routed(event, unasked=unasked)
        async with self._ending.setdefault(job, asyncio.Lock()):  # of two that end at once the later knows the other's
            return await self._routed(await self._jobs.compared(event, job), unasked=unasked)

    async def _routed(self, event: Event, *, unasked: bool) -> Accepted:
        with handling():
            targets: Sequence[Target] = self._rules().of(event)
            if event.compared and event.compared.completes and not event.is_alert:  # people wait for what is resolved
                targets = mark_informed(targets, self._rules().of(as_failure(event)))
            if self.silences.current:
                targets = self.silences.applied(event, targets)
        nobody_waits = event.name == "operation.progress" and all(target.hold_reason for target in targets)
        if nobody_waits and self.fullness() >= CROWDED:
            raise NoRoom(f"Redis uses {self.fullness():.0%} of its maxmemory, and nobody waits for this progress")
        accepted = await self._accepted(event, targets, unasked=unasked)
        if not unasked and (is_failed_phase(event) or lacks_cause(event)):
            await self._explain(event)
        return accepted

    def _rules(self) -> Targets:
        config = self.config()
        if self._made is None or self._made.config is not config:
            self._made = Targets(config, self.channels)
        return self._made

    async def _accepted(self, event: Event, targets: Sequence[Target], *, unasked: bool = False) -> Accepted:
        accepted = await self.store.accept(event, targets, unasked=unasked)
        for _ in range(RACES):
            if accepted.status != "fuller":
                break
            stored = await self.store.kept(event)
            if stored:
                with handling():
                    stored = replace(complete_outcome(stored, event), job=event.job, compared=event.compared)
            accepted = await self.store.accept(stored or event, targets, completes=True)
        if accepted.status == "fuller":  # its facts are known; what it adds was overtaken each time
            accepted = replace(accepted, status="duplicate")
        if accepted.status == "duplicate" and event.compared and event.compared.differs:
            metrics.duplicates_differing.labels(event.source).inc()
        if accepted.deliveries:
            self.wake(target.channel for target in targets if not target.hold_reason)
        if accepted.id_reused or (accepted.status != "duplicate" and self._of_another(event)):
            self._reused(event)
        log.debug(
            "event.received",
            source=event.source,
            event_id=event.id,
            name=event.name,
            subject=event.subject,
            status=event.status,
            percentage=event.percentage,
            outcome=accepted.status,
            deliveries=accepted.deliveries,
            held=dict(accepted.held),
        )
        return accepted

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

    async def _explain(self, event: Event) -> None:
        """Complete the recorded failure, quietly, where its run's first failed phase and it crossed on their way.

        A crash before it leaves a message without a cause; the same event, sent again, completes it.
        """
        if event.about_batch or event.original or not (failure := await self.store.kept(replace(event, name=FAILURE))):
            return
        first = event.failed_phase or (await self._known(event, event.own_id)).get(FAILED_PHASE, "")
        if lacks_cause(failure) and not lacks_cause(report := with_cause(failure, first)):
            await self._accepted(report, self._rules().of(report))

    async def _filled(self, event: Event, permissions: Permissions | None = None) -> Event:
        """Fill in what earlier events stated of the operation, or of the one that it retries under a new id.

        Which run a retry is, its first event decides: the one its document names, and in any case one after the
        original's last.
        """
        facts = await self._known(event, event.own_id)
        spaces, as_sent, of_its_own = {event.own_id: facts.pop("space", "")}, event, facts
        if facts and not facts.get("original"):  # it has a message of its own by now
            event = replace(event, original="")
        if event.original and not facts:
            first = await self._known(event, event.original)
            spaces[event.original] = first.pop("space", "")
            run = int(first.get("runs", 0)) + 1
            facts = {**first, "original": first.get("original", event.original), "retry": f"{run}"}
            facts[PRESSED] = ""  # of the run before
        if "original_space" in facts:
            spaces[facts["original"]] = facts.pop("original_space")
        with handling():
            event = with_cause(filled := compare(fill(event, facts), facts), filled.failed_phase)
            if event.quiet and (not facts or event.retry > int(facts.get("runs", 0))):
                raise Ignored("the end of a run that did nothing, and that nothing is known of")
            if permissions:
                permissions.check(as_sent, event, of_its_own)
        if event.member_of and not event.watch:
            batch = await self._known(event, event.member_of)
            spaces[event.member_of] = batch.pop("space", "")  # said too where another one's batch is all that is known
            event = replace(event, batch_unheard=not batch, batch_open=bool(batch) and "ended" not in batch)
        return placed(event, spaces)

    async def _placed_batch(self, event: Event, permissions: Permissions | None) -> Event:
        """Fill in the batch's tenant, and the run of the member that it reports: one of the same tenant."""
        as_sent, batch, facts = event, await self._known(event, event.subject), dict[str, str]()
        spaces = {event.subject: batch.pop("space", "")}
        whose = Space.of_event(event).filled(Space.of(batch))
        event = replace(event, platform=whose.platform, tenant=whose.tenant, project=whose.project)
        if event.operation:
            facts = await self._known(event, event.own_id)
            spaces[event.own_id] = facts.pop("space", "")
            with handling():
                event = number_member(event, facts)
        if permissions:
            listed = [] if batch or facts else await self._known_members(event)
            permissions.check_batch(as_sent, batch, facts, listed)
            event = permissions.with_kind(event, facts)
        return placed(event, spaces)

    async def _known_members(self, event: Event) -> list[dict[str, str]]:
        rows = await asyncio.gather(*(self._known(event, id_) for id_ in listed_members(event)))
        return [facts for facts in rows if facts.keys() - {"space"}]

    async def _known(self, event: Event, id_: str) -> dict[str, str]:
        """Return what is known of this id. relay's own events are of an operation that was found before."""
        return await self.store.known(id_, event.spaces if event.watch or event.action else Space.of_event(event))
