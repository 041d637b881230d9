"""Records in Redis: one JSON document for each operation, batch and webhook, and each request to be sent."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from relay_sandbox.schema.requests import RegisterWebhook, Retrying, StartOperation, SubmitBatch


class Phase(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    seconds: float


class Plan(BaseModel):
    """The course of a simulated operation, and where it fails.

    first     the phase it begins with; those before were done by the operation that this one retries
    trouble   the phase that fails or stalls, `at` this fraction of it; -1 for none
    failures  how many attempts at that phase fail; `waits` are the seconds before each automatic retry
    pause     seconds that it stalls; None until the time-out
    """

    model_config = ConfigDict(frozen=True)

    phases: tuple[Phase, ...]
    delay: float
    timeout: float
    first: int = 0
    kind: Literal["", "failure", "stall"] = ""
    trouble: int = -1
    at: float = 0.5
    failures: int = 0
    waits: tuple[float, ...] = ()
    pause: float | None = None

    @property
    def work(self) -> float:
        """Seconds of all phases together, were nothing to go wrong."""
        return sum(phase.seconds for phase in self.phases[self.first :])


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The state of an operation. Times are epoch seconds.

    spans   of each phase: when it began and ended, None for not yet
    """

    percentage: float
    phase: int
    fraction: float
    spans: tuple[tuple[float | None, float | None], ...]
    attempt: int = 1


ENDED = frozenset({"Completed", "Failed", "Cancelled", "Timeout"})


class Record(BaseModel):
    """Times are epoch seconds."""

    model_config = ConfigDict(extra="forbid")
    kind: ClassVar[str]

    id: str
    tenant: str
    project: str
    created: float

    @property
    def scope(self) -> str:
        return f"{self.tenant}/{self.project}"


class Operation(Record):
    """
    began    when its time started to run; None while it waits for others of its batch
    done     how many of the plan's steps have been taken
    used     attempts that had failed before it, in the operations that it retries
    told     webhook → the percentage in its last progress event
    """

    kind = "operation"

    request: StartOperation
    plan: Plan
    seed: str
    began: float | None
    status: str = "Initiated"
    done: int = 0
    ended: float | None = None
    told: dict[str, float] = {}
    speed: float = 1.0
    cpu: int | float = 4
    memory: int | float = 8
    batch: str = ""
    key: str = ""
    original: str = ""
    retry_number: int = 0
    retries: int = 0  # how often it was retried
    used: int = 0
    preserved: tuple[tuple[float, float], ...] = ()
    last: Snapshot | None = None  # of an operation that was cancelled
    error: dict[str, Any] | None = None
    cancellation: dict[str, Any] | None = None
    partial: bool = True
    forced: bool = False  # cancelled without its step at hand being finished
    discarded: bool = False

    @property
    def over(self) -> bool:
        return self.status in ENDED


class Batch(Record):
    """`members` in the order of the request: key → its present operation."""

    kind = "batch"

    request: SubmitBatch
    members: dict[str, str]
    status: str = "Initiated"
    told: list[str] = []  # members whose end was reported
    retried: list[str] = []
    stopped: bool = False
    ended: float | None = None
    span: float = 0.0  # seconds that it takes if all goes well

    @property
    def over(self) -> bool:
        return self.ended is not None


class Webhook(Record):
    kind = "webhook"

    request: RegisterWebhook
    status: str = "Active"
    secret: str = ""
    previous: str = ""
    previous_until: float = 0.0


class Sending(BaseModel):
    """One request that waits to be sent. Those of a lane go one after the other.

    counters   where its attempts are counted, those to `onProgress` once more
    at         when it was made
    """

    id: str
    lane: str
    event: str
    body: str
    url: str
    counters: str
    webhook: str = ""
    token: str = ""
    secret: str = ""
    policy: Retrying = Field(default_factory=lambda: Retrying(max_retries=5))
    attempt: int = 1
    at: float = 0.0
    progress: bool = False


class Counters(BaseModel):
    """Counts of the attempts to reach one address."""

    total: int = 0
    successful: int = 0
    failed: int = 0
    milliseconds: float = 0.0
    progress: int = 0
    last: float | None = None
    last_progress: float | None = None
