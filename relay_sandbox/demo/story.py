"""The demo's story: what it starts at the platform, and what must have arrived when it is over."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from relay.platform.models import Member, StartOperation, SubmitBatch
from relay_sandbox.standins.inbox import Mail
from relay_sandbox.standins.slack import Message

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


FAILED = "Slack: the enrichment, failed"
STALLED, RECOVERED = "no events", "Running again"  # as their messages say it
DIGEST = "mail: the digest to the analyst"  # of all that is over by then, so the last


def expectations(
    messages: Callable[[], Iterable[Message]], mails: Callable[[], Iterable[Mail]]
) -> dict[str, Callable[[], bool]]:
    """Every message that must arrive, by what a person would call it."""

    def root(title: str, status: str) -> Callable[[], bool]:
        return lambda: any(
            title in message.text and status in message.text and not message.thread_ts for message in messages()
        )

    def reply(title: str, label: str = "") -> Callable[[], bool]:
        return lambda: any(
            title in message.text and label in message.text and message.thread_ts for message in messages()
        )

    def mail(address: str, about: str, content: str = "") -> Callable[[], bool]:
        return lambda: any(
            address in arrived.recipient and about in arrived.subject and content in arrived.text for arrived in mails()
        )

    return {
        FAILED: root("Sales Data", "CRITICAL"),
        "Slack: the enrichment's outcome in its thread": reply("Sales Data"),
        "mail: the failure to the analyst": mail("analyst@", "Sales Data"),
        "mail: the critical failure to the team lead": mail("lead@", "Sales Data"),
        "Slack: the report, stalled": reply("Weekly", STALLED),
        "Slack: the batch, completed": root("Monthly Process Mining", "Completed"),
        "mail: the batch to the analyst": mail("analyst@", "Monthly Process Mining"),
        "Slack: the analysis, completed": root("Customer Journey", "Completed"),
        "Slack: the analysis' outcome in its thread": reply("Customer Journey"),
        "mail: the analysis to the analyst, with its files": mail("analyst@", "Customer Journey", ".pdf"),
        "mail: the report to the analyst": mail("analyst@", "Weekly Conformance"),
        "Slack: the report, completed after all": root("Weekly Conformance", "Completed"),
        DIGEST: mail("analyst@", "Daily digest"),
    }


def repeated(messages: Iterable[Message], mails: Iterable[Mail]) -> list[str]:
    """Return what came more than once: a message of one operation, or a mail to one person about it."""
    titles = {ANALYSIS.operation_name, ENRICHMENT.operation_name, REPORT.operation_name, BATCH.batch_name}
    titles |= {member.operation_name or "" for member in BATCH.operations}
    roots = [message.text for message in messages if not message.thread_ts]
    mail_counts = Counter((mail.recipient, mail.subject) for mail in mails)
    counts = {f"messages of {title} in {ROOM}": sum(title in text for text in roots) for title in titles}
    counts |= {f"mails to {recipient}: {subject}": count for (recipient, subject), count in mail_counts.items()}
    return [f"expected one, found {count} {subject}" for subject, count in counts.items() if count > 1]


def unexpected(messages: Iterable[Message]) -> list[str]:
    """Recoveries in threads that no alarm had reached. `messages` are in their order."""
    alarmed, orphans = set[str](), list[str]()
    for message in messages:
        first = message.revisions[0]["text"] if message.revisions else message.text
        if STALLED in first:
            alarmed.add(message.thread_ts or message.ts)
        elif RECOVERED in message.text and message.thread_ts and message.thread_ts not in alarmed:
            orphans.append(f"unexpected, for no alarm came before it: {message.text}")
    return orphans
