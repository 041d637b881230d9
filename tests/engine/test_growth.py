"""What a step writes does not grow with what went before."""

from datetime import UTC, datetime
from typing import Any

from relay.domain.parsing import parse
from relay.engine.intake import Report
from relay.engine.state import Changes
from tests.engine.life.configurations import QUEUES
from tests.engine.life.workers import Work
from tests.engine.life.world import World

RUNS = 60


def run_once(world: World, number: int) -> int:
    """Let an operation begin anew, fail and be heard of everywhere; return the most that a step of that wrote."""
    sizes: list[int] = []
    world.begin(number)
    world.advance(60_000)
    began = datetime.fromtimestamp(world.now / 1000, UTC).isoformat()

    def report(name: str, status: str, percentage: int, **parts: Any) -> None:
        world.advance(5000)
        moment = datetime.fromtimestamp(world.now / 1000, UTC)
        operation = {"operationId": "op-1", "status": status, "priority": "Critical", "retryNumber": number}
        progress = {"percentage": percentage, "startTime": began}
        document = {"event": name, "timestamp": moment.isoformat(), "operation": operation | {"progress": progress}}
        world.decide(Report(parse(document | parts, source="async-operations", received_at=moment)))
        sizes.append(size_of(world.partition.newest))

    report("operation.started", "Initiated", 0)
    for percentage in (10, 30, 60):
        report("operation.progress", "Running", percentage)
    report("operation.failed", "Failed", 60, error={"message": f"no answer to request {number}"})
    for channel in QUEUES:
        taken = world.taken(channel, 20).deliveries
        sizes.append(size_of(world.partition.newest))
        for delivery in taken:
            Work(world, delivery).deliver()
            sizes.append(size_of(world.partition.newest))
    return max(sizes)


def size_of(changes: Changes) -> int:
    records = sum(len(repr(record)) for record in changes.records.values() if record)
    tables = sum(len(repr(table)) for table in changes.tables.values())
    return records + tables + sum(len(repr(index)) for index in changes.indexes.values())


def test_an_operation_that_begins_anew_again_and_again() -> None:
    world = World(7)

    sizes = [run_once(world, number) for number in range(RUNS)]

    assert max(sizes[-10:]) <= 1.25 * max(sizes[10:20])
