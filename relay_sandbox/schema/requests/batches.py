"""The request that submits a batch."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from relay_sandbox.schema.requests.fields import Authentication, Name, Priority, Request, Retrying, Text, Type, Url
from relay_sandbox.schema.requests.operations import Callbacks, Notifications, StartOperation


class Member(Request):
    operation_key: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,100}$")]
    operation_type: Type
    operation_name: Name
    operation_description: Text | None = None
    priority: Priority = "Normal"
    dependencies: Annotated[list[Name], Field(max_length=100)] = []
    parameters: dict[str, Any] = {}
    callbacks: Callbacks | None = None
    notifications: Notifications | None = None
    timeout: Annotated[int, Field(ge=1, le=604_800)] = 3600
    retry_policy: Retrying | None = None

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
