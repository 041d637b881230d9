"""Every address of the API in one table: the server binds it, and the OpenAPI document describes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from relay_sandbox.schema import resources, responses
from relay_sandbox.schema.requests import (
    CancelOperation,
    ListQuery,
    Query,
    RegisterWebhook,
    Request,
    ResultsQuery,
    RetryOperation,
    RotateSecret,
    StartOperation,
    SubmitBatch,
)

ROOT = "/api/{tenantId}/{projectId}/async"


@dataclass(frozen=True)
class Route:
    """`name` is the handler's and the OpenAPI document's operationId. An optional body may be left out whole."""

    method: str
    path: str
    name: str
    summary: str
    answer: Any = None
    status: int = 200
    body: type[Request] | None = None
    query: type[Query] = Query
    optional: bool = False
    refusals: Sequence[int] = ()

    @property
    def address(self) -> str:
        return ROOT + self.path


ROUTES = (
    Route("POST", "/operation", "startOperation", "Start a long-running operation.",
          responses.Started, 202, StartOperation),
    Route("GET", "/operations", "listOperations", "List operations, newest first; the summary counts all that match.",
          responses.Listing, query=ListQuery),
    Route("GET", "/operation/{operationId}", "getOperation", "How far an operation is.",
          responses.Status, refusals=(404,)),
    Route("DELETE", "/operation/{operationId}", "cancelOperation", "Stop an operation; what it has done may be kept.",
          responses.Cancelled, body=CancelOperation, optional=True, refusals=(404, 409)),
    Route("GET", "/operation/{operationId}/results", "getResults",
          "What came of an operation that is over; `format=download` answers a ZIP of everything.",
          responses.Results, query=ResultsQuery, refusals=(404, 409)),
    Route("POST", "/operation/{operationId}/retry", "retryOperation", "Try what has failed again, as a new operation.",
          responses.Retried, 202, RetryOperation, optional=True, refusals=(404, 409)),
    Route("POST", "/webhooks", "registerWebhook", "Register an address that is told of events.",
          resources.Webhook, 201, RegisterWebhook, refusals=(409,)),
    Route("GET", "/webhooks", "listWebhooks", "All registered webhooks.", resources.Webhooks),
    Route("GET", "/webhooks/{webhookId}", "getWebhook", "A webhook, with what became of its deliveries.",
          resources.Webhook, refusals=(404,)),
    Route("DELETE", "/webhooks/{webhookId}", "deleteWebhook", "Forget a webhook, and what waits for it.",
          None, 204, refusals=(404,)),
    Route("POST", "/webhooks/{webhookId}/pause", "pauseWebhook", "Tell it nothing new until it is resumed.",
          resources.Webhook, refusals=(404,)),
    Route("POST", "/webhooks/{webhookId}/resume", "resumeWebhook", "Tell it of events again.",
          resources.Webhook, refusals=(404,)),
    Route("POST", "/webhooks/{webhookId}/secret", "rotateSecret",
          "Sign with another secret; for a while with the old one too.",
          resources.Rotated, body=RotateSecret, optional=True, refusals=(404,)),
    Route("POST", "/batch", "submitBatch", "Submit operations that depend on each other.",
          resources.Batch, 202, SubmitBatch),
    Route("GET", "/batch/{batchId}", "getBatch", "How far a batch and its operations are.",
          resources.Batch, refusals=(404,)),
)  # fmt: skip
