"""Records of a partition's state, and the names of its tables, indexes and logs. Times are ms since the epoch."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple

from relay.engine.state import Record

DAY = 86_400_000
KEEP_OPERATION = 30 * DAY  # after its last event
KEEP_DOCUMENTS = 3 * DAY  # after the outcome; then order and facts are left
KEEP_BUNDLE = 40 * DAY  # longer than a dead letter, which needs its rows
INITIATED, RUNNING, TERMINAL = 0, 1, 2  # ranks: places in the life of a run

Gate = tuple[float | None, int, int | None, str]  # of progress notified last: percentage, when, expected end, phase
Limit = list[Any]  # name, period (ms), burst, reserve


@dataclass
class Operation(Record):
    """An operation or a batch, up to its newest run. Its name is made from its id (names.py)."""

    PREFIX: ClassVar[str] = "op:"
    KEPT: ClassVar[int] = KEEP_OPERATION

    # Whose it is, and what it stated
    subject: str = ""  # the id that people know
    facts: dict[str, str] = field(default_factory=dict)  # by the names of relay.domain.facts, and `restarts`
    summary: dict[str, Any] = field(default_factory=dict)  # its newest state (relay.domain.digest_entries)
    leads_to: str = ""  # the operation that continues it: it is a retry under a new id
    shared: bool = False  # other tenants use its id as well; their spaces are in the table `spaces:<name>`
    job: str = ""  # the names of its job (JSON), where a template names them
    # Order
    rank: int | None = None
    run: int | None = None  # number of the run
    at: int = 0  # the time that its newest event states
    seq: int = 0  # number of its newest event
    last: int = 0  # when that came
    percentage: float | None = None
    phases: int | None = None
    status: str = ""
    first: int | None = None  # when its first event came
    began: int | None = None  # when the newest run began; None too where that is a retry under a new id
    starts: str = ""  # when the runs before began (relay.domain.run_numbers)
    ends: str = ""  # recorded ends (relay.domain.run_ends)
    went_on: int | None = None  # the latest progress that came after an outcome
    # Identity
    ids: str = ""  # digests of facts and senders' ids, DIGEST characters each; more are in the table `ids:<name>`
    many: bool = False
    # What its events said
    seqs: dict[str, int] = field(default_factory=dict)  # by event name, the number of the newest
    lent: dict[str, str] = field(default_factory=dict)  # by event name: the `Body` without text whose document that is
    stated: dict[str, list[str]] = field(default_factory=dict)  # by name of outcome: the fields that it stated
    sources: list[str] = field(default_factory=list)  # of its reports, the first FEW_SOURCES
    awaiting: dict[str, str] = field(default_factory=dict)  # deliveries of its completion that wait for files → source
    tallies: list[Any] = field(default_factory=list)  # lines of the story that are still counted on
    # Messages
    gates: dict[str, Gate] = field(default_factory=dict)  # by lane
    muted: dict[str, int] = field(default_factory=dict)  # by lane, since when
    taken: dict[str, str] = field(default_factory=dict)  # who looks at it: user, userName, realName
    escalations: list[str] = field(default_factory=list)  # deliveries that wait in case its failure is not taken
    presses: dict[str, int] = field(default_factory=dict)  # "<action>:<run>" → when the button was pressed
    alarms_sent: dict[str, int] = field(default_factory=dict)  # by lane
    lanes: list[str] = field(default_factory=list)  # of the live messages that showed the outcome
    holds: list[tuple[str, int]] = field(default_factory=list)  # deliveries of its failure, and until when they wait
    dead: int = 0  # when a live message of it became a dead letter
    skipped: tuple[int, int] | None = None  # a run that ended before it was known, and when
    retained: int = 0  # where its documents are gone, or it has none: ms for which the rest is kept
    # Watchdog
    heard: int | None = None
    moved: int | None = None
    gaps: list[int] = field(default_factory=list)
    phase: str = ""
    estimate: int | None = None
    newest_estimate: int | None = None
    planned: int = 0
    estimate_moves: int = 0
    deadline: int | None = None
    alarms: str = ""  # relay.domain.jobs.Alarms
    asked: int = 0  # when the platform was asked about it
    approval: tuple[str, int] | None = None  # the phase that waits for a person, and since when
    waited: int = 0  # ms for which phases waited so

    @property
    def lives(self) -> int:
        return self.KEPT if self.shared else self.retained or self.KEPT  # other tenants' are found by it


class Was(NamedTuple):
    """Order of an operation's events before one changes it."""

    rank: int | None = None
    run: int | None = None
    percentage: float | None = None
    phases: int | None = None
    at: int = 0

    @classmethod
    def of(cls, o: Operation) -> "Was":
        return cls(o.rank, o.run, o.percentage, o.phases, o.at)


@dataclass
class Delivery(Record):
    """A message to one address, until it has arrived, is replaced or dropped."""

    PREFIX: ClassVar[str] = "d:"

    operation: str = ""  # or its bundle's name
    destination: str = ""
    channel: str = ""
    address: str = ""
    kind: str = ""  # each, live, reply, digest, roundup; rolling: a round-up that is edited
    event: str = ""  # the event's name
    lane: str = ""
    queue: str = ""  # MAIN, REPLIES or HELD of the lane's thread
    body: str = ""  # the name of the `Body` that it shows; '' for what shows the operation's documents
    calls: dict[str, Any] = field(default_factory=dict)  # limits and options (recipients.calls_of)
    urgency: str = ""  # '1' outcomes, '2' stalls, '3' failed phases, '' the rest
    seq: int = 0  # number of the newest event that it shows
    due: int = 0
    created: int = 0
    attempts: int = 0
    unknowns: int = 0  # attempts that may have arrived
    ticket: str = ""  # of the hand-out that is under way
    lapsed: str = ""  # of the one that was given up; its receipt may come yet
    marked: int = 0  # when its first byte was about to leave; 0: it has not been
    lasts: int = 0  # ms after which that call is over
    passes: str = ""  # '1' quiet hours, '2' unsubscriptions as well
    loud: bool = False
    alone: bool = False  # the live message does not show it
    cause: tuple[int, int, str, str] | None = None  # window (ms), gravity, whose run, common cause
    row: bool = False  # it is below the first failure of its cause
    escalated: int = 0  # ms after its failure; 0: it is no escalation
    error_line: str = ""  # what went wrong, for the message that it healed
    raised: int = 0  # of a recovery: when its alarm was
    ended: int | None = None  # the last number of its run's events, where another run has begun
    parked: str = ""  # the place where it waits for something broken
    removed: int = 0  # since when the newest configuration lacks its address
    # Its attempts
    error: str = ""
    reason: str = ""
    died: int = 0
    failing: int = 0
    faults: int = 0
    failed: int = 0
    first_marked: int = 0  # of the attempts that may have arrived: when the first was marked, and the last
    last_marked: int = 0
    unreadable: bool = False
    crashes: int = 0  # hand-outs in a row that lapsed, or in which it was `unreadable`


@dataclass
class Thread(Record):
    """The messages of one operation at one address: its queues, and the live message they are about."""

    PREFIX: ClassVar[str] = "thread:"
    KEPT: ClassVar[int] = KEEP_OPERATION

    queues: dict[str, list[str]] = field(default_factory=dict)  # MAIN, REPLIES, HELD → deliveries; the first is due
    behind: dict[str, int] = field(default_factory=dict)  # queue → number of the last one in the index `behind`, if any
    waiting: str = ""  # the delivery that shows the present state next
    sending: str = ""  # the one that is under way
    posted: int = 0
    posted_seq: int | None = None
    posted_of: str = ""  # the operation that it showed first
    touched: int = 0
    edits: int = 0
    done: str = ""  # the ticket of the newest receipt
    receipt: dict[str, str] = field(default_factory=dict)  # the channel's own: Slack's ts
    standing: dict[str, Any] = field(default_factory=dict)  # what a delivery made without an event needs
    interval: int = 0
    calls_people: str = ""  # the event whose mentions are in the message itself
    doubt: int = 0  # until one is posted: its message may have arrived, and the delivery is gone
    dead: str = ""
    shown: str = ""  # name and number of the event handed out last
    shown_seq: int = 0
    repairs: int = 0
    additions: int = 0
    healed: tuple[int, int, str] | None = None  # the run that makes a failure good, how many in a row, what was wrong
    bundle: str = ""  # the list that has it while the cap is exceeded
    first_failed: str = ""  # of a batch: the delivery of its first failure
    alike: tuple[int, int] = (0, 0)  # a run that failed, and how many more failed for its cause, in its thread
    retained: int = 0  # as of Operation

    @property
    def lives(self) -> int:
        return self.retained or self.KEPT


MAIN, REPLIES, HELD = "main", "replies", "held"


@dataclass
class Body(Record):
    """An event's document for the deliveries that need it (relay/engine/bodies.py)."""

    PREFIX: ClassVar[str] = "body:"

    text: bytes = b""  # where it is not the newest of its name any more
    users: int = 0


@dataclass
class Bundle(Record):
    """One stretch of time at one address, in one message; its rows are the table `rows:<name>`."""

    PREFIX: ClassVar[str] = "bundle:"
    KEPT: ClassVar[int] = KEEP_BUNDLE

    kind: str = ""  # digest, quiet, silence, overflow, backlog, cause, call, requested
    destination: str = ""
    channel: str = ""
    address: str = ""
    calls: dict[str, Any] = field(default_factory=dict)
    start: int = 0
    end: int = 0
    zone: str = ""
    closed: int = 0
    passes: bool = False
    held: int = 0  # progress reports that became no row of their own
    added: int = 0
    shown: int = 0
    send_empty: bool = False
    addresses: list[str] = field(default_factory=list)  # of one reader
    people: list[str] = field(default_factory=list)  # mentioned by a call
    baseline: dict[str, str] = field(default_factory=dict)  # what the digests before amounted to


# Tables
def documents(operation: str) -> str:
    """Event name → the newest body of that name in this run."""
    return f"docs:{operation}"


def identities(operation: str) -> str:
    return f"ids:{operation}"


def spaces(operation: str) -> str:
    """Space (JSON) → b"" of the other tenants that use this id."""
    return f"spaces:{operation}"


def mishaps(lane: str) -> str:
    """Mishap of a batch's member that has a reply in this lane → b""."""
    return f"mishaps:{lane}"


def rows(bundle: str) -> str:
    """Operation → its summary (JSON)."""
    return f"rows:{bundle}"


MISSING = "missing"  # operation of a run that was announced and has not begun → its job
DEAD = "dead"  # index: dead letters → when they died
WATCH = "watch"  # index: runs that go on → when the watchdog looks
STALLED = "stalled"  # index: runs with an alarm
OVER = "over"  # index: runs that are over → when their documents go
FLYING = "flying"  # index: deliveries that are handed out → when
BROKEN = "broken"  # index: paused scope that is probed, also a limit throttled for long → when its pause ends
PARKING = "parking"  # index: "<channel> <scope>" → when it is looked at
CHANNELS = "channels"  # index: channels that had deliveries
JOBS = "jobs"  # index: job → its last end
JOB_NAMES = "job-names"  # job → its names (JSON)
SILENCES = "silences"  # index: id → when it ends
HISTORIES = "histories"  # index: destination → its newest row
SUPPRESSED = "suppressed"  # index: names of suppressions → since when
PAUSED = "paused"  # index: destinations that people paused → until when


def due(channel: str, urgency: str) -> str:
    return f"due:{channel}:{urgency}"


def behind(lane: str, queue: str) -> str:
    """Index: what waits in a queue behind those that its thread lists."""
    return f"behind:{lane}/{queue}"


def parked(place: str) -> str:
    return f"parked:{place}"


def parked_urgent(place: str) -> str:
    return f"urgent:{place}"


def silenced(silence: str) -> str:
    """Index: deliveries that wait for its end."""
    return f"silenced:{silence}"


def roots(channel: str, address: str) -> str:
    """Index: lane → when its new live message was sent, for the cap."""
    return f"roots:{channel}/{address}"


# Logs
def story(operation: str) -> str:
    return f"story:{operation}"


def history(destination: str) -> str:
    return f"history:{destination}"


def ends_of(name: str) -> str:
    return f"job:{name}"
