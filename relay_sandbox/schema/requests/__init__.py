"""What the sandbox takes: the bodies and queries of the API, checked as strictly as they are documented.

A field nobody documented is refused: a sandbox is where one wants to hear of a slip of the pen.
"""

from relay_sandbox.schema.requests.batches import BatchCallbacks, FailurePolicy, Member, SubmitBatch
from relay_sandbox.schema.requests.fields import Authentication, FieldError, Request, Retrying
from relay_sandbox.schema.requests.operations import Callbacks, CancelOperation, Play, RetryOperation, StartOperation
from relay_sandbox.schema.requests.queries import ListQuery, Query, ResultsQuery
from relay_sandbox.schema.requests.webhooks import RegisterWebhook, RotateSecret

__all__ = [
    "Authentication",
    "BatchCallbacks",
    "Callbacks",
    "CancelOperation",
    "FailurePolicy",
    "FieldError",
    "ListQuery",
    "Member",
    "Play",
    "Query",
    "RegisterWebhook",
    "Request",
    "ResultsQuery",
    "RetryOperation",
    "Retrying",
    "RotateSecret",
    "StartOperation",
    "SubmitBatch",
]
