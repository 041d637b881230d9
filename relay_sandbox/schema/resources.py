"""Responses about batches and webhooks, and refusals, as types.

`TypedDict` is typing_extensions': on Python 3.11 pydantic cannot read the standard library's.
"""

from typing import Any, NotRequired

from typing_extensions import TypedDict


class Problem(TypedDict):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: NotRequired[str]
    field: NotRequired[str]


class Member(TypedDict):
    operationKey: str
    operationId: str
    operationName: str
    operationType: str
    status: str
    dependencies: list[str]
    estimatedDuration: str
    estimatedStartTime: NotRequired[str]
    retryNumber: NotRequired[int]


class Batch(TypedDict):
    batchId: str
    batchName: str
    status: str
    operations: list[Member]
    totalOperations: int
    estimatedBatchDuration: str
    estimatedBatchCompletion: str
    batchStartTime: str
    trackingUrl: str
    batchDescription: NotRequired[str]
    completedOperations: int
    failedOperations: int
    failurePolicy: dict[str, bool]
    batchEndTime: NotRequired[str]


class Deliveries(TypedDict):
    """Attempts; `averageResponseTime` is in milliseconds."""

    totalDeliveries: int
    successfulDeliveries: int
    failedDeliveries: int
    averageResponseTime: float | None


class Webhook(TypedDict):
    webhookId: str
    webhookUrl: str
    webhookName: str
    status: str
    eventsSubscribed: list[str]
    filters: dict[str, Any]
    createdAt: str
    lastDelivery: str | None
    deliveryStats: Deliveries
    retryPolicy: dict[str, Any]
    authentication: dict[str, str]
    headers: dict[str, str]


class Webhooks(TypedDict):
    webhooks: list[Webhook]


class Rotated(TypedDict):
    """The only answer that holds a secret."""

    webhookId: str
    secret: str
    previousValidUntil: str | None
