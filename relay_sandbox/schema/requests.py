"""Requests: the bodies and queries of the API, checked strictly; unknown fields are refused."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.alias_generators import to_camel

Priority = Literal["Low", "Normal", "High", "Critical"]

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Type = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
Text = Annotated[str, StringConstraints(max_length=4000)]
Url = Annotated[str, StringConstraints(pattern=r"^https?://[A-Za-z0-9\[][^\s]*$", max_length=2048)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
HeaderValue = Annotated[str, StringConstraints(pattern=r"^[ -~]{0,1000}$")]
Secret = Annotated[str, StringConstraints(pattern=r"^[!-~]{8,200}$")]


class Request(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
    )


class FieldError(ValueError):
    """A request that no schema could refuse; `field` is the part at fault."""

    def __init__(self, field: str, message: str) -> None:
        self.field = field
        super().__init__(message)


class Retrying(Request):
    """Retries of an operation or a webhook; delays are seconds."""

    max_retries: Annotated[int, Field(ge=0, le=20)] = 3
    retry_delay: Annotated[int | float, Field(gt=0, le=86_400)] = 60.0
    backoff_multiplier: Annotated[int | float, Field(ge=1, le=10)] = 2.0
    max_delay: Annotated[int | float, Field(gt=0, le=86_400)] = 3600.0

    def waits(self) -> tuple[float, ...]:
        """Seconds before each retry."""
        grown = (self.retry_delay * self.backoff_multiplier**n for n in range(self.max_retries))
        return tuple(min(delay, self.max_delay) for delay in grown)


class Authentication(Request):
    """`hmac-sha256` signs with `secret`; `bearer` sends `token`."""

    type: Literal["hmac-sha256", "bearer", "none"]
    secret: Secret | None = None
    token: Secret | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"hmac-sha256": "secret", "bearer": "token"}.get(self.type)
        if needed and not getattr(self, needed):
            raise ValueError(f"the type {self.type} needs a {needed}")
        return self


Scenario = Literal["success", "failure", "stall", "timeout", "random"]


class Callbacks(Request):
    on_progress: Url | None = None
    on_completion: Url | None = None
    on_error: Url | None = None
    authentication: Authentication | None = None

    def count(self) -> int:
        return sum(url is not None for url in (self.on_progress, self.on_completion, self.on_error))


class SlackWish(Request):
    channel: Name | None = None
    mention_users: Annotated[list[Name], Field(max_length=50)] = []


class Notifications(Request):
    email: Annotated[list[Name], Field(max_length=50)] = []
    slack: SlackWish | None = None


class StartOperation(Request):
    """`timeout` is seconds. `parameters.sandbox` chooses what happens: see `Play`."""

    operation_type: Type
    operation_name: Name
    operation_description: Text | None = None
    priority: Priority = "Normal"
    parameters: dict[str, Any] = {}
    callbacks: Callbacks | None = None
    notifications: Notifications | None = None
    timeout: Annotated[int, Field(ge=1, le=604_800)] = 3600
    retry_policy: Retrying | None = None


class Play(Request):
    """`parameters.sandbox`: how a simulated operation goes. Times are seconds before `--speed`."""

    scenario: Scenario = "success"
    phase: Name | None = None  # where it fails or stalls; without it the last but one
    at: Annotated[float, Field(ge=0, lt=1)] = 0.5  # how far into that phase
    duration: Annotated[float, Field(gt=0, le=604_800)] | None = None  # of the whole work
    delay: Annotated[float, Field(ge=0, le=86_400)] = 0.0  # until it starts
    records: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    seed: int | None = None
    failures: Annotated[int, Field(ge=1, le=50)] | None = None  # attempts that fail; without it all of this operation
    stall_for: Annotated[float, Field(gt=0, le=604_800)] | None = None  # without it until the time-out
    code: Name = "PROCESSING_ERROR"
    message: Text | None = None
    retryable: bool = True


class CancelOperation(Request):
    """It is Cancelled at once. `forceTermination`: the step at hand is not finished, and what it did is lost."""

    reason: Text = "Cancelled by request"
    preserve_partial_results: bool = True
    force_termination: bool = False
    notify_callbacks: bool = True


class RetryOperation(Request):
    retry_mode: Literal["resume", "restart"] = "resume"
    retry_reason: Text | None = None
    modify_parameters: bool = False
    updated_parameters: dict[str, Any] | None = None
    retry_policy: Retrying | None = None
    new_timeout: Annotated[int, Field(ge=1, le=604_800)] | None = None
    preserve_original_results: bool = True


class Member(StartOperation):
    operation_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
    dependencies: Annotated[list[Name], Field(max_length=100)] = []

    def as_operation(self) -> StartOperation:
        """The member as an operation of its own."""
        fields = self.model_dump(by_alias=True, exclude_unset=True, exclude={"operation_key", "dependencies"})
        return StartOperation.model_validate(fields)


class BatchCallbacks(Request):
    on_batch_start: Url | None = None
    on_operation_complete: Url | None = None
    on_batch_complete: Url | None = None
    authentication: Authentication | None = None


class FailurePolicy(Request):
    stop_on_first_failure: bool = False
    continue_independent_operations: bool = True
    retry_failed_operations: bool = False


class SubmitBatch(Request):
    batch_name: Name
    batch_description: Text | None = None
    operations: Annotated[list[Member], Field(min_length=1, max_length=100)]
    batch_callbacks: BatchCallbacks | None = None
    failure_policy: FailurePolicy = FailurePolicy()


Status = Literal["Initiated", "Running", "Completed", "Failed", "Cancelled", "Timeout"]
DAY = re.compile(r"\d{4}-\d\d-\d\d")


class Query(Request):
    """The query's parameters; here none. In text all values look alike, so none is strict."""

    model_config = ConfigDict(strict=False, validate_by_name=False, validate_by_alias=True)


# As written: the moment is the last one of its second, as times are shown without what is left of one. A day is meant
# with all of it.
Until = Annotated[
    datetime,
    BeforeValidator(lambda raw: f"{raw}T23:59:59" if isinstance(raw, str) and DAY.fullmatch(raw) else raw),
    AfterValidator(lambda moment: moment if moment.microsecond else moment.replace(microsecond=999_999)),
    WithJsonSchema({"type": "string", "anyOf": [{"format": "date-time"}, {"format": "date"}]}),
]


class ListQuery(Query):
    """Dates without a zone are UTC. `dateTo` includes the second, or the day, that it names."""

    status: Status | None = None
    operation_type: Type | None = None
    priority: Priority | None = None
    date_from: datetime | None = None
    date_to: Until | None = None
    include_details: bool = False
    page: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    page_size: Annotated[int, Field(ge=1, le=100)] = 20


class ResultsQuery(Query):
    format: Literal["summary", "detailed", "download"] = "summary"
    include_artifacts: bool = True
    phase: Name | None = None


EventName = Literal[
    "operation.started", "operation.progress", "operation.phase.completed", "operation.completed", "operation.failed",
    "operation.cancelled", "batch.started", "batch.operation.completed", "batch.completed",
]  # fmt: skip


class Filters(Request):
    operation_types: Annotated[list[Type], Field(max_length=100)] = []
    priorities: Annotated[list[Priority], Field(max_length=4)] = []
    min_progress_increment: Annotated[int | float, Field(ge=0, le=100)] = 0


class RegisterWebhook(Request):
    webhook_url: Url
    webhook_name: Name = "Webhook"
    events: Annotated[list[EventName], Field(min_length=1, max_length=20)]
    filters: Filters = Filters()
    authentication: Authentication | None = None
    retry_policy: Retrying = Retrying(max_retries=5)
    headers: Annotated[dict[HeaderName, HeaderValue], Field(max_length=20)] = {}


class RotateSecret(Request):
    """Without `secret` one is made. For `overlapSeconds` both the old and the new one sign."""

    secret: Secret | None = None
    overlap_seconds: Annotated[int, Field(ge=0, le=604_800)] = 86_400
