"""Webhooks."""

from typing import Any

from typing_extensions import TypedDict


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
