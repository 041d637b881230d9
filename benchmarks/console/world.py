"""Who there is: destinations, rules, sources, jobs and the operations of a month, as a larger place would have them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from benchmarks.speed.relays import configuration
from relay.domain.deliveries import Live, Target
from relay.domain.events import Event
from tests.support import events

TEAMS, READERS, RULES, SOURCES, JOBS, TENANTS = 30, 10, 30, 5, 2000, 25
DAYS = 29.5  # that operations are spread over: what is 30 days old is forgotten
PAUSED = "team-00"  # by a person
DAILY = "daily"  # is told everything in a digest
FIRST_WORDS = (
    "Customer", "Order", "Invoice", "Claims", "Purchase", "Payment", "Delivery", "Returns", "Payroll", "Ledger",
    "Support", "Warehouse", "Contract", "Supplier", "Loan", "Travel", "Audit", "Pricing", "Demand", "Complaint",
)  # fmt: skip
SECOND_WORDS = (
    "Journey", "Handling", "Approval", "Reconciliation", "Intake", "Matching", "Closing", "Forecast", "Review",
    "Import", "Export", "Enrichment", "Scoring", "Clustering", "Discovery", "Conformance", "Simulation", "Backfill",
    "Cleanup", "Snapshot",
)  # fmt: skip
PLACES = ("Europe", "Asia", "Americas", "Africa", "Pacific")
TYPES = ("PROCESS_MINING", "CONFORMANCE_CHECK", "DATA_IMPORT", "SIMULATION")
PRIORITIES = ("Low", "Normal", "Normal", "High", "Critical")


def team(number: int) -> str:
    return f"team-{number % TEAMS:02}"


def reader(number: int) -> str:
    return f"readers-{number % READERS:02}"


def rule(number: int) -> str:
    return f"follow customer {number:02}"


def source(number: int) -> str:
    return "platform" if number == 0 else f"platform-{number}"


def job_title(number: int) -> str:
    """Of one of `JOBS`."""
    first, rest = number % len(FIRST_WORDS), number // len(FIRST_WORDS)
    second, place = rest % len(SECOND_WORDS), rest // len(SECOND_WORDS)
    return f"{FIRST_WORDS[first]} {SECOND_WORDS[second]} {PLACES[place % len(PLACES)]}"


def settings(redis: str) -> dict[str, Any]:
    """What of relay's configuration is not as in the other benchmarks. What is sent goes to a port without a server."""
    teams = {team(number): {"slack": f"#{team(number)}", "mode": "live" if number % 3 else "each"}
             for number in range(TEAMS)}  # fmt: skip
    readers = {reader(number): {"email": [f"{reader(number)}@example.com"]} for number in range(READERS)}
    own = configuration(0)
    return {
        "redis": {"url": redis},
        "sources": {source(number): own["sources"]["platform"] for number in range(SOURCES)},
        "channels": {**own["channels"], "email": {"host": "127.0.0.1", "port": 9, "tls": "none",
                                                  "from": "relay@example.com"}},
        "destinations": {**teams, **readers, DAILY: {"email": ["daily@example.com"], "mode": "digest", "at": "08:30"}},
        "rules": [
            {"name": rule(number), "events": ["operation.started", "operation.failed", "operation.completed"],
             "tenants": [tenant(number)], "notify": [team(number), team(number + 7), reader(number)]}
            for number in range(RULES)
        ],
    }  # fmt: skip


def tenant(number: int) -> str:
    return f"customer-{number % TENANTS:02}"


def mark(number: int, copy: int = 0) -> str:
    """By what one operation differs from those that are copied from it: always as long."""
    return f"{number:05}-{copy:06}"


def subject(number: int, copy: int = 0) -> str:
    return f"op-{mark(number, copy)}"


def event(number: int, name: str, percentage: float, began: float, now: float, *, copy: int = 0) -> Event:
    """One of an operation's, as its platform would say it. Times are seconds since the epoch."""
    status = {"operation.started": "Initiated", "operation.completed": "Completed", "operation.failed": "Failed"}
    document = events.body(
        name,
        percentage,
        operationId=subject(number, copy),
        operationName=f"{job_title(number % JOBS)} {mark(number, copy)}",
        operationType=TYPES[number % len(TYPES)],
        priority=PRIORITIES[number % len(PRIORITIES)],
        status=status.get(name, "Running"),
        startTime=_iso(began),
        dateCreated=_iso(began - 30),
    )
    document |= {"timestamp": _iso(now), "tenantId": tenant(number), "projectId": f"project-{number % 7}"}
    if name == "operation.failed":
        document["error"] = {"code": "SOURCE_TIMEOUT", "message": "The extractor did not answer for 300 s."}
    at = datetime.fromtimestamp(now, UTC)
    return events.event_of(document, id=f"{subject(number, copy)}-{name}-{percentage}", source=source(0), at=at)


def at_start(number: int) -> Sequence[Target]:
    """A live message and three others."""
    return (_slack(number, how=Live()), *(_slack(number + step) for step in (1, 2, 3)))


def at_end(number: int) -> Sequence[Target]:
    """Six messages, three of them mails."""
    return (*(_slack(number + step) for step in (4, 5, 6)), *(_mail(number + step) for step in range(3)))


def _slack(number: int, **changes: Any) -> Target:
    name = team(1 + number % (TEAMS - 1))  # none to the one that is paused
    return Target(name, "slack", f"#{name}", **changes)


def _mail(number: int) -> Target:
    return Target(reader(number), "email", f"{reader(number)}@example.com")


def waiting(_number: int) -> Sequence[Target]:
    """Where a person lets everything wait."""
    return (Target(PAUSED, "slack", f"#{PAUSED}"),)


def permalink(number: int) -> str:
    return f"https://example.slack.com/archives/C{number % TEAMS:08}/p17000{number:011}"


def content(number: int) -> Mapping[str, Any]:
    """A message as a channel gets it."""
    text = f"{job_title(number % JOBS)} {mark(number)} is done: 12,480 records in 11 minutes."
    return {"text": text, "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
