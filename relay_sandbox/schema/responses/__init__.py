"""What the sandbox answers, as types: they keep the documents honest, and the OpenAPI document is made of them.

`TypedDict` is typing_extensions': on Python 3.11 pydantic cannot read the standard library's.
"""

from relay_sandbox.schema.responses.batches import Batch, Member
from relay_sandbox.schema.responses.operations import (
    Calls,
    Execution,
    Listing,
    PhaseStatus,
    Progress,
    Resources,
    Row,
    Started,
    Status,
    Usage,
)
from relay_sandbox.schema.responses.problem import Problem
from relay_sandbox.schema.responses.results import Artifact, Cancelled, PhaseResult, Recommendation, Results, Retried
from relay_sandbox.schema.responses.webhooks import Rotated, Webhook, Webhooks

__all__ = [
    "Artifact",
    "Batch",
    "Calls",
    "Cancelled",
    "Execution",
    "Listing",
    "Member",
    "PhaseResult",
    "PhaseStatus",
    "Problem",
    "Progress",
    "Recommendation",
    "Resources",
    "Results",
    "Retried",
    "Rotated",
    "Row",
    "Started",
    "Status",
    "Usage",
    "Webhook",
    "Webhooks",
]
