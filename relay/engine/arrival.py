"""An event as decisions read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from relay.domain.deliveries import Target
from relay.domain.digest_entries import summarize
from relay.domain.error_reader import brief, cause_of
from relay.domain.events import CRITICAL, OPERATOR_EVENTS, PRIORITIES, Event
from relay.domain.facts import Space, facts, stated_fields
from relay.domain.failed_phases import is_generic
from relay.domain.identity import error_of, fingerprint, has_failed, message_of, signature
from relay.domain.labels import labels_of
from relay.domain.parsing import dump
from relay.domain.run_numbers import latest_begin
from relay.engine import names
from relay.engine.recipients import Recipient, made_once
from relay.engine.records import INITIATED, RUNNING, TERMINAL

RANKS = {
    "operation.started": INITIATED,
    "operation.progress": RUNNING,
    "operation.phase.completed": RUNNING,
    "operation.stalled": RUNNING,
    "operation.recovered": RUNNING,
    "batch.started": INITIATED,
    "batch.operation.completed": RUNNING,
}  # other names move nothing and are never late
OUTCOMES = ("operation.completed", "operation.failed", "operation.cancelled", "batch.completed")
UNSUCCESSFUL = frozenset({"Failed", "Timeout", "Cancelled"})


@dataclass(eq=False)
class Arrival:
    """An event as decisions read it; each part is made when it is first needed."""

    event: Event
    targets: Sequence[Target] = ()
    completes: bool = False  # it is a known outcome with what another report of it adds
    operation: str = field(init=False)  # the name of its record
    rank: int | None = field(init=False)
    at: int = field(init=False)

    def __post_init__(self) -> None:
        event = self.event
        self.operation = names.operation(event.subject, event.space(event.subject))
        self.rank = TERMINAL if event.name in OUTCOMES else RANKS.get(event.name)
        if event.watch.get("batch"):  # its message goes on to show what is done: the alarm is posted below it
            self.rank = None
        self.at = ms(event.occurred_at)

    @property
    def name(self) -> str:
        return self.event.name

    @property
    def run(self) -> int:
        return self.event.retry

    @property
    def watch(self) -> Mapping[str, Any]:
        return self.event.watch

    @property
    def action(self) -> Mapping[str, Any]:
        return self.event.action

    @property
    def progress(self) -> bool:
        return self.event.name == "operation.progress"

    @property
    def phase_end(self) -> bool:
        return self.event.name == "operation.phase.completed"

    @property
    def terminal(self) -> bool:
        return self.rank == TERMINAL

    @made_once
    def phase(self) -> str:
        return self.event.phase_name

    @made_once
    def urgency(self) -> str:
        """Its place among what is due: '1' outcomes, '2' stalls, '3' failed phases, '' the rest."""
        event = self.event
        if event.name in OUTCOMES or event.name in OPERATOR_EVENTS:
            return "1"
        if event.name == "operation.stalled":
            return "2"
        return "3" if has_failed(event.phase) else ""

    @made_once
    def fact_text(self) -> str:
        return fingerprint(self.event)

    @made_once
    def fact(self) -> str:
        """Return the digest of what it says."""
        return names.short_digest("fact", self.fact_text)

    @made_once
    def sender_id(self) -> str:
        """Return the digest of the sender's id, its source, producer and space; '' without one."""
        event = self.event
        if not event.id:
            return ""
        parts = ["delivery", event.source, event.id, *filter(None, [event.producer])]
        if event.platform or event.tenant or event.project:
            parts.append(Space.of_event(event).dump())
        return names.short_digest(*parts)

    @made_once
    def fact_as_stated(self) -> str:
        """Return the fact as the document alone says it, where only the time of receipt decided of which run it is.

        What is sent again is received again, and a run may have begun in between. '' otherwise.
        """
        event, run = self.event, self.event.operation
        if run is None or event.about_batch:
            return ""
        stated = stated_retry(event)
        if event.retry == stated or event.dated or (event.compared and event.compared.decisive):
            return ""
        alone = replace(event, operation=replace(run, retry=stated))
        return names.short_digest("fact", fingerprint(alone))

    @made_once
    def body_name(self) -> str:
        """Return the name of its document for the deliveries that need it."""
        return self.operation[:16] + names.digest("fact", self.fact_text).hex()[16:]

    @made_once
    def all_facts(self) -> dict[str, str]:
        return facts(self.event)

    @made_once
    def facts(self) -> dict[str, str]:
        """Return what it states that lasts; of a retry under a new id not what is of that id alone."""
        event, stated = self.event, self.all_facts
        if event.original:
            stated = {name: value for name, value in stated.items() if name not in ("original", "retry")}
        if event.restarts and not event.about_batch:
            stated = {**stated, "restarts": f"{event.restarts}"}
        return stated

    @made_once
    def body(self) -> bytes:
        return dump(self.event, self.all_facts)

    @made_once
    def summary(self) -> dict[str, Any]:
        return {} if self.event.action else summarize(self.event)

    @made_once
    def stated(self) -> list[str]:
        """List what an outcome states beside its status."""
        return stated_fields(self.event)

    @made_once
    def sender(self) -> str:
        """Return the sender for people; events that relay fetched itself say so."""
        source = self.event.source
        return f"{source} when asked" if self.event.document.get("reconciled") is True else source

    @made_once
    def started(self) -> int | None:
        """Return the stated begin of a run; None for a retry under a new id, which its original counts."""
        event = self.event
        if event.operation is None or event.about_batch or event.original:
            return None
        moment = latest_begin(event)
        return ms(moment) if moment else None

    @property
    def phases(self) -> int | None:
        run = self.event.operation
        return run.phases_completed if run and not self.event.about_batch else None

    @property
    def goes_on(self) -> bool:
        """Return whether the watchdog watches the run after this event."""
        event = self.event
        if event.name == "batch.started":  # one of which members' ends alone are reported may never report its own
            return True
        run_event = event.operation is not None and not event.about_batch
        return run_event and self.rank is not None and self.rank < TERMINAL and not event.watch

    @property
    def estimate(self) -> int | None:
        run = self.event.operation
        return ms(run.estimate) if run and run.estimate and not self.event.about_batch else None

    @property
    def deadline(self) -> int | None:
        run = self.event.operation
        return ms(run.deadline) if run and run.deadline and not self.event.about_batch else None

    @made_once
    def mishap(self) -> str:
        """Return what names a mishap of a batch's member: its id and run; '' where it did not fail."""
        run = self.event.operation
        if run is None or run.status not in UNSUCCESSFUL:
            return ""
        return names.digest("member", run.id, str(stated_retry(self.event) + self.event.restarts)).hex()

    @property
    def member_over(self) -> tuple[str, int] | None:
        """Return the member's operation and its run, where a batch says that it is over."""
        event, run = self.event, self.event.operation
        if event.name != "batch.operation.completed" or run is None or run.status == "Running":
            return None
        return names.operation(run.id, event.space(run.id)), stated_retry(event)

    @made_once
    def cause(self) -> tuple[int, str, str] | None:
        """Return its gravity, whose run failed, and what it has in common with others; '' for nothing.

        None where nothing is in common, and it is not Critical: these call each person once a minute.
        """
        event = self.event
        priority = event.operation.priority if event.operation else ""
        gravity = PRIORITIES.index(priority if priority in PRIORITIES else "Normal")
        found = "" if is_generic(event) else signature(error_of(event))
        if not found and priority != CRITICAL:
            return None
        if found:
            repository = labels_of(event.operation.labels if event.operation else "").get("repository", "")
            found = names.short_digest("cause", found, *Space.of_event(event), repository)
        subject = event.own_id if event.about_batch else event.subject
        return gravity, names.operation(subject, event.space(subject)), found

    @made_once
    def error_line(self) -> str:
        return brief(cause_of(message_of(error_of(self.event)))).encode("utf-8", "replace").decode()

    @made_once
    def recipients(self) -> list[Recipient]:
        return [self._recipient(target) for target in self.targets]

    def _recipient(self, target: Target) -> Recipient:
        """The delivery's id is made of the parts that differ between events, and between lanes."""
        event, where = self.event, names.home_of(target)
        lane = names.lane(where, event.subject, target.destination, target.address, event.space(event.subject))
        batch = event.member_of
        batch_lane = batch and names.lane(where, batch, target.destination, target.address, event.space(batch))
        id_ = f"{where}{self.body_name[-15:]}{lane[-15:]}"
        return Recipient(target, lane, id_, batch_lane, target.presentation.thread_reply)


def ms(moment: Any) -> int:
    return int(moment.timestamp() * 1000)


def stated_retry(event: Event) -> int:
    """Return the number that the document itself gives, whatever run of the original it turned out to be."""
    for document in (event.operation.document if event.operation else {}, event.document):
        number = document.get("retryNumber")
        if isinstance(number, int) and 0 <= number < 1_000_000:
            return number
    return 0
