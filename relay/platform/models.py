"""Documents of the Async Operations API, as types.

The sandbox has types of its own for the same documents (`relay_sandbox.schema`), deliberately: client and server are
written independently of each other, from the documentation, so that a slip in one is seen by the other.

Only what relay or a caller decides by is named or required; every other field is kept and comes back out of
`model_dump(by_alias=True)`. Durations and sizes stay the texts that the API sends ("45-60 minutes", "3.2 MB").
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel

from relay.domain.events import TERMINAL

Priority = Literal["Low", "Normal", "High", "Critical"]


class ApiDocument(BaseModel):
    """camelCase outside, snake_case inside, unknown fields kept."""

    # Built where it is first used: all together would take 10 ms at the start.
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="allow", defer_build=True)

    def sent(self) -> dict[str, Any]:
        """Write it as it goes over the wire: unset fields are left out."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


class RetryPolicy(ApiDocument):
    max_retries: int = 3
    retry_delay: float = 300  # seconds
    backoff_multiplier: float = 2.0
    max_delay: float | None = None


class StartOperation(ApiDocument):
    """The body of `POST …/async/operation`. `timeout` is in seconds."""

    operation_type: str
    operation_name: str
    operation_description: str | None = None
    priority: Priority = "Normal"
    parameters: dict[str, Any] = Field(default_factory=dict)
    callbacks: dict[str, str] | None = None
    notifications: dict[str, Any] | None = None
    timeout: int | None = None
    retry_policy: RetryPolicy | None = None


class Started(ApiDocument):
    operation_id: str
    status: str


class Progress(ApiDocument):
    percentage: float | None = None
    current_phase: str | None = None
    estimated_remaining: str | None = None
    estimated_completion: datetime | None = None


# A number in a row of the list, an object everywhere else.
ProgressOrNumber = Annotated[
    Progress, BeforeValidator(lambda raw: {"percentage": raw} if isinstance(raw, int | float) else raw or {})
]


class Operation(ApiDocument):
    """Answer of `GET …/operation/{id}`, and a row of the list."""

    operation_id: str
    status: str
    operation_type: str | None = None
    operation_name: str | None = None
    priority: str | None = None
    progress: ProgressOrNumber = Field(default_factory=Progress)
    current_phase: str | None = None  # of a list's row
    phases: Any = ()
    timeout_at: datetime | None = None
    end_time: datetime | None = None
    duration: str | None = None
    error: Any = None

    @property
    def terminal(self) -> bool:
        return self.status in TERMINAL

    @property
    def phase(self) -> str:
        return self.progress.current_phase or self.current_phase or ""


class Summary(ApiDocument):
    total_operations: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0
    cancelled: int = 0


class Page(ApiDocument):
    """One page of `GET …/operations`; pages count from 1."""

    operations: Sequence[Operation]
    summary: Summary = Summary()
    has_next_page: bool = False


class Cancelled(ApiDocument):
    operation_id: str
    status: str


class Results(ApiDocument):
    operation_id: str
    summary: dict[str, Any] = Field(default_factory=dict)
    artifacts: Any = ()
    recommendations: Any = ()


class RetryOperation(ApiDocument):
    """The body of `POST …/operation/{id}/retry`."""

    retry_mode: Literal["resume", "restart"] = "resume"
    retry_reason: str | None = None


class Retried(ApiDocument):
    new_operation_id: str
    status: str | None = None
    resume_from_phase: str | None = None


class Filters(ApiDocument):
    operation_types: Sequence[str] = ()
    priorities: Sequence[str] = ()
    min_progress_increment: float | None = None


class RegisterWebhook(ApiDocument):
    webhook_url: str
    webhook_name: str
    events: Sequence[str]
    filters: Filters | None = None
    authentication: dict[str, str] | None = None
    retry_policy: RetryPolicy | None = None


class Webhook(ApiDocument):
    webhook_id: str
    webhook_url: str
    webhook_name: str | None = None
    status: str | None = None
    events_subscribed: Sequence[str] = ()
    filters: Filters | None = None


class Member(ApiDocument):
    """One operation of a batch: in the request with name and type, in the answer with id and status."""

    operation_key: str
    operation_name: str | None = None
    operation_type: str | None = None
    operation_id: str | None = None
    status: str | None = None
    dependencies: Sequence[str] = ()


class SubmitBatch(ApiDocument):
    batch_name: str
    operations: Sequence[Member]
    batch_description: str | None = None
    batch_callbacks: dict[str, str] | None = None
    failure_policy: dict[str, bool] | None = None


class Batch(ApiDocument):
    batch_id: str
    status: str
    batch_name: str | None = None
    operations: Sequence[Member] = ()
