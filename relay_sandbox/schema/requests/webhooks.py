"""Requests about webhooks."""

from typing import Annotated, Literal

from pydantic import Field

from relay_sandbox.schema.requests.fields import (
    Authentication,
    HeaderName,
    HeaderValue,
    Name,
    Priority,
    Request,
    Retrying,
    Secret,
    Type,
    Url,
)

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
