"""What the demo starts at the platform: one run that completes, one that fails, one that stalls, and a batch."""

from typing import Any

from relay.platform.models import Member, StartOperation, SubmitBatch

ROOM = "#process-mining"
CALLBACKS = {"onProgress": "progress", "onCompletion": "completion", "onError": "error"}
BATCH_CALLBACKS = {"onBatchStart": "batch-start", "onOperationComplete": "operation-complete",
                   "onBatchComplete": "batch-complete"}  # fmt: skip

ANALYSIS = StartOperation(
    operation_type="ProcessMiningAnalysis",
    operation_name="Comprehensive Customer Journey Analysis",
    operation_description="Full process mining analysis of the order-to-cash event log",
    priority="High",
    parameters={"sandbox": {"delay": 0, "seed": 7, "records": 125_430}},
)
ENRICHMENT = StartOperation(
    operation_type="DataEnrichment",
    operation_name="Sales Data Processing",
    priority="Critical",
    parameters={
        "sandbox": {
            "scenario": "failure", "delay": 0, "seed": 7, "records": 89_420, "phase": "Enrichment",
            "code": "SOURCE_TIMEOUT", "message": "The CRM extractor did not answer for 300 s.",
        }
    },
)  # fmt: skip
REPORT = StartOperation(
    operation_type="ReportGeneration",
    operation_name="Weekly Conformance Report",
    priority="High",
    parameters={"sandbox": {"scenario": "stall", "delay": 0, "seed": 7, "stallFor": 2400}},
)


def _member(key: str, name: str, type_: str, *after: str) -> Member:
    return Member(operation_key=key, operation_name=name, operation_type=type_, dependencies=after)


BATCH = SubmitBatch(
    batch_name="Monthly Process Mining Pipeline",
    batch_description="Extraction, enrichment and the report of the month",
    operations=[
        _member("extract", "Event Extraction", "DataExtraction"),
        _member("enrich", "Event Enrichment", "DataEnrichment", "extract"),
        _member("report", "Monthly Report", "ReportGeneration", "enrich"),
    ],
)


def callback_addresses(names: dict[str, str], relay: str, token: str) -> dict[str, Any]:
    """The callbacks of a request: they cannot sign, so their addresses carry the token."""
    return {key: f"{relay}/webhooks/{source}?token={token}" for key, source in names.items()}
