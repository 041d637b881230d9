"""The nine days before: three jobs that ran, failed and were told, and what goes on when they are over."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from relay.channels import CHANNELS
from relay.config import load
from relay.coordinator import build_channels, build_renderer
from relay.delivering.composer import Composer
from relay.delivering.enrichment import JobHistory
from relay.delivering.worker import Worker
from relay.domain.parsing import parse
from relay.ingest import Ingest
from relay.store import Store
from relay.store.copying import COPIES
from relay.store.jobs import Jobs
from tests.console.lived.events import PHASES, Body, at, event, run
from tests.support.clock import Clock
from tests.support.stage import Surroundings

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
LASTING = (25, 27, 24, 26, 25, 31, 24, 26, 25)  # minutes, day by day
MEMBERS = {"preparation": "Completed", "discovery": "Running", "performance": "Pending"}
TIMEOUT: Body = {"code": "SOURCE_TIMEOUT", "message": "The SAP extractor did not answer for 300 s.", "retryable": True}
MEMORY: Body = {"code": "OUT_OF_MEMORY", "message": "The model needs 9.1 GB, and the worker has 8 GB."}


def bodies(now: float) -> list[Body]:
    """All of them, the oldest first; the last is a moment before `now`."""
    return sorted([*_daily(now), *_often(now), *_going(now)], key=lambda body: str(body["timestamp"]))


def _daily(now: float) -> Iterator[Body]:
    for number, minutes in enumerate(LASTING):
        began = now - (len(LASTING) - 1 - number) * DAY - 3 * HOUR
        stated = {
            "operationName": "Order-to-Cash Q3 EMEA",
            "operationType": "ProcessMiningAnalysis",
            "priority": "High",
        }
        yield from run(
            f"op-otc-{number + 1}", "finance", began, minutes * MINUTE, TIMEOUT if number in (2, 7) else None, **stated
        )
        export: Body = {"operationName": "Vendor master sync", "operationType": "DataExport"}
        yield from run(f"op-sync-{number + 1}", "procurement", began - 2 * HOUR, (8 + number % 3) * MINUTE, **export)


def _often(now: float) -> Iterator[Body]:
    for number in range(14):
        began = now - (14 - number) * 10 * HOUR
        failed = MEMORY if number in (6, 12, 13) else None
        stated = {"operationName": f"Invoice enrichment {number + 1}", "operationType": "DataEnrichment"}
        yield from run(f"op-inv-{number + 1}", "finance", began, (40 + number % 4) * MINUTE, failed, **stated)


def _going(now: float) -> Iterator[Body]:
    """One as planned, one that should be over, and a batch of three."""
    mining = {
        "operationName": "Order-to-Cash Q3 EMEA",
        "operationType": "ProcessMiningAnalysis",
        "priority": "Critical",
    }
    late = {"operationName": "Purchase-to-Pay baseline", "operationType": "ProcessMiningAnalysis", "priority": "High",
            "estimatedCompletion": at(now - 50 * MINUTE), "timeoutAt": at(now - 20 * MINUTE)}  # fmt: skip
    for operation, project, began, stated in (("op-otc-now", "finance", 12 * MINUTE, mining),
                                              ("op-ptp-now", "procurement", 2 * HOUR, late)):  # fmt: skip
        yield event(
            "operation.started",
            now - began,
            operation,
            project,
            status="Initiated",
            percentage=0,
            phase=PHASES[0],
            **stated,
        )
        yield event(
            "operation.progress",
            now - 0.2 * began,
            operation,
            project,
            status="Running",
            percentage=64,
            phase=PHASES[2],
            **stated,
        )
    members = [{"operationId": f"op-member-{name}", "operationName": name.title(), "status": status}
               for name, status in MEMBERS.items()]  # fmt: skip
    batch = {"batchId": "batch-month-end", "batchName": "Monthly process mining", "status": "Running",
             "operations": members, "totalOperations": len(members)}  # fmt: skip
    yield {"eventId": "batch-1", "event": "batch.started", "timestamp": at(now - 30 * MINUTE), "tenantId": "acme",
           "projectId": "finance", "batch": batch}  # fmt: skip


async def live_through(around: Surroundings, path: Path, now: float) -> None:
    """Take and deliver all of it, each at its time."""
    clock = Clock(now - 10 * DAY)
    config = load(path, env=around.env, channels=CHANNELS)
    store = Store.open(around.env["RELAY_REDIS_URL"], worker="the-days-before", clock=clock, copies=COPIES)
    channels, renderer = build_channels(config), build_renderer(config)
    await store.prepare()
    ingest = Ingest(store, lambda: config, CHANNELS, clock=clock)
    past = JobHistory(Jobs(store), clock=clock).complete
    composer = Composer(lambda: config, lambda: renderer, clock=clock, job_history=past, calls=store.causes.call)
    worker = Worker(store, channels, composer, config=lambda: config, clock=clock)
    for body in bodies(now):
        told = parse(body, source="async-operations", received_at=datetime.fromisoformat(body["timestamp"]))
        clock.now = told.occurred_at.timestamp()
        await ingest.ingest(told)
        while sum([await worker.run_once(name) for name in channels]):
            pass
    for channel in channels.values():
        await channel.aclose()
    await renderer.aclose()
    await store.aclose()
