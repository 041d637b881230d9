"""The engine over Redis decides what it decides in memory, and keeps the same."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from redis.asyncio import Redis

from relay.domain.events import Event
from relay.engine import names
from relay.engine.intake import Report
from relay.engine.posted import Arrived
from relay.engine.receipts import Mark
from relay.engine.records import Operation
from relay.engine.state import Changes, Record, State
from relay.engine.step import step
from relay.engine.take import Take
from tests.store.journal.conftest import RECORDS, Open, Process, kept, stored
from tests.support import events
from tests.support.memory import Memory
from tests.support.memory_store import Configured
from tests.support.targets import mail, room


class Recorded:
    """The step, and what came of it the last time that each entry was decided."""

    def __init__(self) -> None:
        self.steps: dict[int, tuple[Any, int, Any]] = {}

    def __call__(self, state: State, entry: Any, now: int, settings: Any) -> tuple[Changes, Any]:
        changes, answer = step(state, entry, now, settings)
        self.steps[id(entry)] = (entry, now, answer)
        return changes, answer


def needs(entry: Any) -> list[tuple[type[Record], str]]:
    if not isinstance(entry, Report) or entry.event.operation is None:
        return []
    return [(Operation, names.operation(entry.event.operation.id))]


def at(event: Event) -> Event:
    return replace(event, occurred_at=datetime.now(UTC), received_at=datetime.now(UTC))


async def live(process: Process) -> None:
    """Tell of four runs, in a room and by mail, and hear of each event twice."""
    for number in range(4):
        for name in (f"op-{n}" for n in range(4)):
            run = [events.started, lambda **run: events.progress(10, **run), lambda **run: events.progress(80, **run)]
            event = at([*run, events.completed][number](operationId=name))
            for _ in range(2):
                await process.submit(Report(event, [room(), mail()]))
        for channel in ("slack", "email"):
            taken = await process.submit(Take(channel, 8, f"{channel}-{number}"), lazy=True)
            for delivery in taken.deliveries:
                held = {"id": delivery.id, "ticket": delivery.ticket, "lane": delivery.lane}
                assert await process.submit(Mark(**held))
                await process.submit(Arrived(**held, receipt={"ts": "1.1"}))


async def test_a_life_on_redis_is_one_in_memory(open_process: Open, redis: Redis) -> None:
    recorded = Recorded()
    process = await open_process("a", step=recorded, settings=Configured(), needs=needs).start()
    await live(process)
    await process.submit(Take("slack", 1, "last"))

    memory = Memory()
    for entry, now, answer in recorded.steps.values():
        changes, again = step(memory, entry, now, Configured())
        memory.apply(changes, now)
        assert again == answer
    assert memory.counts["delivered"] > 8
    found, expected = await stored(redis, process.partition._rules.codec, RECORDS), kept(memory)
    for part, content in expected.items():
        assert found[part] == content, part
