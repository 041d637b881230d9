"""Events, operations and batches, as parsed. Pure.

Only the fields that relay decides by are typed; all others are in `document`, where templates reach them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any, NamedTuple

from relay.domain.fields import Declared, declared, immutable

Document = Mapping[str, Any]

OPERATION_EVENTS = ("operation.started", "operation.progress", "operation.phase.completed",
                    "operation.completed", "operation.failed", "operation.cancelled")  # fmt: skip
BATCH_EVENTS = ("batch.started", "batch.operation.completed", "batch.completed")
WATCH_EVENTS = ("operation.stalled", "operation.recovered")  # relay's own, of a run without reports
TROUBLE, RESOLVED = "relay.trouble", "relay.resolved"  # of relay itself, for its operators
OPERATOR_EVENTS = frozenset({TROUBLE, RESOLVED})
ACTION_REQUESTED, ACTION_DONE = "operation.action.requested", "operation.action.done"  # of buttons
STATUSES = ("Initiated", "Running", "Stalled", "Completed", "Failed", "Cancelled", "Timeout")
PRIORITIES = ("Low", "Normal", "High", CRITICAL := "Critical")
TERMINAL = frozenset({"Completed", "Failed", "Cancelled", "Timeout"})
FAILED = ("Failed", "Timeout")
BROKE, MENDED = "broke", "mended"  # its job, by a failure after a success or none, by a success after a failure
SOURCE = "relay"  # of its own events
ALERT = "alert"  # the type of what fires and is resolved: no run of a job, and no failure like another

# What an event implies where its document does not say, or says something that cannot be.
IMPLIED_STATUS = {
    "operation.started": "Initiated", "operation.progress": "Running", "operation.phase.completed": "Running",
    "operation.completed": "Completed", "operation.failed": "Failed", "operation.cancelled": "Cancelled",
    "operation.stalled": "Stalled", "operation.recovered": "Running",
    "batch.started": "Initiated", "batch.operation.completed": "Running", "batch.completed": "Completed",
}  # fmt: skip
_GOES_ON = frozenset(("batch.operation.completed", *WATCH_EVENTS))  # what they report goes on


@dataclass(frozen=True, slots=True)
class Audience:
    """Recipients and mentions that the operation's `notifications` ask for, as written there."""

    email: tuple[str, ...] = ()
    slack: tuple[str, ...] = ()
    mentions: tuple[str, ...] = ()


@immutable
class Operation:
    """Long-running operation, as far as one event states it. Empty or None: not stated."""

    id: str
    type: Annotated[str, Declared("operationType", condition="operation_types")] = ""
    name: Annotated[str, Declared("operationName", limit=1000)] = ""
    status: str = ""
    priority: Annotated[str, Declared("priority", words=PRIORITIES, condition="priorities")] = ""
    labels: Annotated[str, Declared("labels", labels=True, condition="where")] = ""
    percentage: float | None = None
    phase: str = ""
    phases_completed: int | None = None
    retry: int = 0
    started: datetime | None = None
    estimate: datetime | None = None  # when it is expected to be over
    deadline: datetime | None = None  # when the platform ends it
    audience: Audience | None = None
    document: Document = field(default_factory=dict)

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL


TEXTS: Mapping[str, Declared] = declared(Operation, keyed=True)


@dataclass(frozen=True, slots=True)
class Batch:
    """Several operations submitted together."""

    id: str
    name: str = ""
    status: str = ""
    document: Document = field(default_factory=dict)


Phases = tuple[tuple[str, float], ...]  # names and seconds, in their order
_STATED = ("started", "duration", "phases", "error", "priority")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of one run of a job. Times are seconds since the epoch."""

    run: str  # which run of which operation
    status: str
    ended: float
    started: float | None = None
    duration: float | None = None  # seconds
    phases: Phases = ()
    error: str = ""  # its signature (relay/domain/identity.py)
    priority: str = ""

    def filled(self, earlier: "Outcome") -> "Outcome":
        """Fill in what an earlier report of the same run's end stated, where this one does not."""
        stated = {name: getattr(self, name) for name in _STATED if getattr(self, name) not in (None, "", ())}
        return replace(earlier, status=self.status, ended=self.ended, **stated)

    @property
    def succeeded(self) -> bool:
        return self.status == "Completed"

    @property
    def failed(self) -> bool:
        """Return whether it failed. A cancelled run neither succeeded nor failed."""
        return self.status in FAILED


class Comparison(NamedTuple):
    """Comparison of an outcome with the recorded ends of its operation's runs (relay/domain/run_ends.py)."""

    before: str  # the ends that it was compared with
    after: str  # and with it
    decisive: bool = False  # it is of another run than its time and the platform's count say
    differs: tuple[str, ...] = ()  # what it states otherwise than the end that it is another report of
    completes: str = ""  # it completed, and this is the status with which the same run had failed
    late: bool = False  # an alert that fires, and is known to be resolved


@immutable
class Event:
    """One fact about one operation or batch, verified and parsed."""

    id: str  # the sender's: the signed webhook-id, else eventId or CloudEvents' id; empty when it named none
    name: str
    source: Annotated[str, Declared(condition="sources")]
    occurred_at: datetime
    received_at: datetime
    tenant: Annotated[str, Declared(condition="tenants")] = ""
    project: Annotated[str, Declared(condition="projects")] = ""
    platform: str = ""  # the source's: sources of one platform share its tenants and ids
    operation: Operation | None = None
    batch: Batch | None = None
    phase: Document = field(default_factory=dict)
    results: Document = field(default_factory=dict)
    error: Document = field(default_factory=dict)
    cancellation: Document = field(default_factory=dict)
    document: Document = field(default_factory=dict)  # the whole body, as it came
    restarts: int = 0  # of the operation's runs before: those that began without the platform counting a retry
    original: str = ""  # the run that this one retries under a new id: its messages and mails are continued
    member_of: str = ""  # the batch that the operation belongs to
    link: str = field(default="", compare=False)  # address of its page, as it or an earlier event of it stated that
    batch_open: bool = False  # that is known, and has not ended
    watch: Document = field(default_factory=dict)  # of the watchdog's: what it was decided by, so that it counts once
    action: Document = field(default_factory=dict)  # of a button's: what is done once (relay.interactivity.buttons)
    spaces: Mapping[str, str] = field(default_factory=dict)  # of its ids that others had first (relay.domain.facts)
    pressed: Document = field(default_factory=dict)  # of a cancelled run: who pressed Cancel, by relay's own record
    failed_phase: str = field(default="", compare=False)  # the first of its run (relay.domain.failed_phases)
    members: str = field(default="", compare=False)  # of a batch (relay.domain.batch_members)
    job: str | None = ""  # what the operator's template says of its job; None: not without what other events state
    past: tuple[Outcome, ...] | None = None  # earlier outcomes of its job, added where it is needed; None: not known
    compared: Comparison | None = field(default=None, compare=False)  # of an outcome, with the ends recorded by then
    raw: bytes = field(default=b"", compare=False, repr=False)  # the document as it came, in one line; b"": made here
    mapped: bool = False  # a format made its document of a foreign sender's
    quiet: bool = field(default=False, compare=False)  # it ends a run that is known, and is no reason to tell anybody
    trace: str = field(default="", compare=False)  # where its trace goes on, as a `traceparent`; "": there is none
    # Computed once. `subject` is the id of its messages: the batch's, the retried operation's, else its own.
    about_batch: bool = field(init=False, compare=False, repr=False)
    status: Annotated[str, Declared(words=STATUSES, condition="statuses")] = field(init=False, compare=False)
    change: Annotated[str, Declared(words=(BROKE, MENDED), condition="changes")] = field(init=False, compare=False)
    own_id: str = field(init=False, compare=False, repr=False)
    subject: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        computed = object.__setattr__
        computed(self, "about_batch", self.batch is not None and self.name.startswith("batch."))
        computed(self, "status", self._status())
        computed(self, "change", self._change())
        computed(self, "own_id", own_id := self.operation.id if self.operation else "")
        whole = self.batch.id if self.about_batch and self.batch else self.original or own_id
        computed(self, "subject", whole or self.id)  # an event about many has its own

    def _status(self) -> str:
        """Return the status: a terminal one in the document beats the event's name, so a Timeout stays one."""
        subject = self.batch if self.about_batch else self.operation
        stated = subject.status if subject else ""
        implied, over = IMPLIED_STATUS.get(self.name, ""), stated in TERMINAL
        if self.name in _GOES_ON:
            return implied  # the batch, or the run, goes on; the operation's own status is in `operation`
        if implied in TERMINAL:
            return stated if over else implied
        return implied if implied and (over or not stated) else stated

    def _change(self) -> str:
        """Return what it is to the run before that was not cancelled; correcting its own failure mends as well."""
        failed = self.name == "operation.failed" and self.status in FAILED
        done = self.name == "operation.completed" and self.status == "Completed"
        if self.past is None or not (failed or done):
            return ""
        before = next((end.failed for end in reversed(self.past) if end.failed or end.succeeded), False)
        if failed:
            return "" if before else BROKE
        return MENDED if before or (self.compared and self.compared.completes) else ""

    @property
    def is_alert(self) -> bool:
        return self.mapped and self.operation is not None and self.operation.type == ALERT

    @property
    def dated(self) -> bool:
        """Return whether it states when it happened; else `occurred_at` is when it was received."""
        return self.occurred_at != self.received_at

    def space(self, id_: str) -> str:
        """Return the name space of one of its ids; '' for the first that used the id."""
        return self.spaces.get(id_, "")

    @property
    def producer(self) -> str:
        """Return a CloudEvent's `source`, with which its id is unique."""
        source = self.document.get("source") if "specversion" in self.document else ""
        return source if isinstance(source, str) else ""

    @property
    def filters(self) -> dict[str, str]:
        """Return what readers filter by, in the platform's words; what is unknown is left out."""
        filters = {
            "status": self.status,
            "priority": self.operation.priority if self.operation and not self.about_batch else "",
            "operation": self.own_id,
            "batch": self.batch.id if self.batch else self.member_of,
        }
        return {name: value for name, value in filters.items() if value}

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def percentage(self) -> float | None:
        return self.operation.percentage if self.operation and not self.about_batch else None

    @property
    def phase_name(self) -> str:
        name = self.phase.get("phaseName") or self.phase.get("name")
        return name if isinstance(name, str) else self.operation.phase if self.operation else ""

    @property
    def retry(self) -> int:
        return self.operation.retry if self.operation and not self.about_batch else 0
