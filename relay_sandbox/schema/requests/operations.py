"""Requests about one operation: start, cancel and retry it."""

from typing import Annotated, Any, Literal

from pydantic import Field

from relay_sandbox.schema.requests.fields import Authentication, Name, Priority, Request, Retrying, Text, Type, Url

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
