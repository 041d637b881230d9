"""Every address of the API in one table, which the server binds."""

from dataclasses import dataclass

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
    """`name` is the handler's. An optional body may be left out whole."""

    method: str
    path: str
    name: str
    status: int = 200
    body: type[Request] | None = None
    query: type[Query] = Query
    optional: bool = False

    @property
    def address(self) -> str:
        return ROOT + self.path


ROUTES = (
    Route("POST", "/operation", "startOperation", 202, StartOperation),
    Route("GET", "/operations", "listOperations", query=ListQuery),
    Route("GET", "/operation/{operationId}", "getOperation"),
    Route("DELETE", "/operation/{operationId}", "cancelOperation", body=CancelOperation, optional=True),
    Route("GET", "/operation/{operationId}/results", "getResults", query=ResultsQuery),
    Route("POST", "/operation/{operationId}/retry", "retryOperation", 202, RetryOperation, optional=True),
    Route("POST", "/webhooks", "registerWebhook", 201, RegisterWebhook),
    Route("GET", "/webhooks", "listWebhooks"),
    Route("GET", "/webhooks/{webhookId}", "getWebhook"),
    Route("DELETE", "/webhooks/{webhookId}", "deleteWebhook", 204),
    Route("POST", "/webhooks/{webhookId}/pause", "pauseWebhook"),
    Route("POST", "/webhooks/{webhookId}/resume", "resumeWebhook"),
    Route("POST", "/webhooks/{webhookId}/secret", "rotateSecret", body=RotateSecret, optional=True),
    Route("POST", "/batch", "submitBatch", 202, SubmitBatch),
    Route("GET", "/batch/{batchId}", "getBatch"),
)
