"""The engine over Redis decides what it decides in memory, and keeps the same."""

from dataclasses import replace
from datetime import UTC, datetime
from inspect import isclass
from typing import Any

from redis.asyncio import Redis

from relay.domain.events import Event
from relay.engine import entries, names, records
from relay.engine.state import Changes, Memory, NotLoaded, Record, State
from relay.engine.step import step
from tests.store.journal.conftest import Open, Process, kept, stored
from tests.support import events
from tests.support.memory_store import Configured
from tests.support.targets import mail, room

RECORDS = [kind for kind in vars(records).values() if isclass(kind) and issubclass(kind, Record)]


class Recorded:
    """The step, and what came of it the last time that each entry was decided."""

    def __init__(self) -> None:
        self.steps: dict[int, tuple[Any, int, Any]] = {}

    def __call__(self, state: State, entry: Any, now: int, settings: Any) -> tuple[Changes, Any]:
        changes, answer = step(state, entry, now, settings)
        self.steps[id(entry)] = (entry, now, answer)
        return changes, answer


def needs(entry: Any) -> list[NotLoaded]:
    if not isinstance(entry, entries.Report) or entry.event.operation is None:
        return []
    return [NotLoaded("record", records.Operation, names.operation(entry.event.operation.id))]


def at(event: Event) -> Event:
    return replace(event, occurred_at=datetime.now(UTC), received_at=datetime.now(UTC))


async def live(process: Process) -> None:
    """Tell of four runs, in a room and by mail, and hear of each event twice."""
    for number in range(4):
        for name in (f"op-{n}" for n in range(4)):
            run = [events.started, lambda **run: events.progress(10, **run), lambda **run: events.progress(80, **run)]
            event = at([*run, events.completed][number](operationId=name))
            for _ in range(2):
                await process.submit(entries.Report(event, [room(), mail()]))
        for channel in ("slack", "email"):
            taken = await process.submit(entries.Take(channel, 8, f"{channel}-{number}"), lazy=True)
            for delivery in taken.deliveries:
                held = {"id": delivery.id, "ticket": delivery.lease, "lane": delivery.lane}
                assert await process.submit(entries.Mark(**held))
                await process.submit(entries.Arrived(**held, receipt={"ts": "1.1"}))


async def test_a_life_on_redis_is_one_in_memory(open_process: Open, redis: Redis) -> None:
    recorded = Recorded()
    process = await open_process("a", step=recorded, settings=Configured(), needs=needs).start()
    await live(process)
    await process.submit(entries.Take("slack", 1, "last"))

    memory = Memory()
    for entry, now, answer in recorded.steps.values():
        changes, again = step(memory, entry, now, Configured())
        memory.apply(changes, now)
        assert again == answer
    assert memory.counts["delivered"] > 8
    found, expected = await stored(redis, process.partition._rules.codec, RECORDS), kept(memory)
    for part, content in expected.items():
        assert found[part] == content, part
