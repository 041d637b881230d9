"""Noise and repetitions as they are written down and read."""

from collections.abc import Callable
from datetime import date

import pytest

from relay.background.collecting import Collecting
from relay.channels import CHANNELS
from relay.config import parse_config
from relay.domain.deliveries import Window
from relay.domain.repeats import ROOM, Repeats
from relay.errors import StoreUnavailable
from relay.ingest import Ingest
from relay.policy.noise import Noise
from relay.store import Store
from relay.store.noise import Figures, NoiseFigures
from relay.store.repeats import Repeat, RepeatFigures
from relay.store.runs import Runs
from tests.support import events
from tests.support.clock import Clock
from tests.support.partitions import PARTITIONS
from tests.support.queue import accept
from tests.support.targets import room

DAY = 86_400
CONFIG = parse_config(
    """
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels: {slack: {token: xoxb-1-x}}
destinations: {room: {slack: "#room", mode: each}}
rules: [{name: ends, events: [operation.completed], notify: [room]}]
""",
    env={},
    channels=CHANNELS,
)


def ingest(store: Store, collecting: Collecting) -> Ingest:
    return Ingest(store, lambda: CONFIG, CHANNELS, noise=collecting.noise, repeats=collecting.repeats)


@pytest.mark.parametrize("partitions", [1, PARTITIONS])
async def test_a_day_in_figures(open_store: Callable[..., Store], clock: Clock, partitions: int) -> None:
    store = open_store(partitions=partitions)
    collecting = Collecting(store, clock)
    for event in (events.started(), events.completed(), events.completed()):
        await ingest(store, collecting).ingest(event)
    collecting.noise.sent("room", edit=False)
    await collecting.write()

    (day,) = await NoiseFigures(store).days(clock())

    assert (day.day, day.unheard, day.repeated) == (date(2024, 1, 20), 1, {"async-operations": 1})
    assert day.destinations == {"room": Figures(matched=1, queued=1, messages=1)}
    assert day.rules == {"ends": Figures(matched=1, queued=1)}


async def test_what_is_held_only_when_it_is_about_to_be_sent_counts_too(store: Store, clock: Clock) -> None:
    await accept(store, events.completed(), to=room())
    await store.claim("slack", 10, {"*": Window(clock(), clock() + 3600)})

    (day,) = await NoiseFigures(store).days(clock())

    assert day.destinations == {"room": Figures(held={"quiet_hours": 1})}


async def test_days_stand_newest_first_and_go_after_thirty(store: Store, clock: Clock) -> None:
    noise, figures = Noise(), NoiseFigures(store)
    for _ in range(2):
        noise.sent("room", edit=True)
        await figures.write(noise, clock())
        clock.advance(2 * DAY)

    days = await figures.days(clock())

    assert [day.day.day for day in days] == [22, 20]
    assert await figures.days(clock(), days=2) == []
    assert all([0 < await store.redis.ttl(key) <= 31 * DAY for key in await store.redis.keys("*:noise:*")])


async def test_a_redis_that_is_away_loses_no_figures(store: Store, clock: Clock) -> None:
    noise, figures = Noise(), NoiseFigures(store)
    noise.sent("room", edit=True)
    await store.redis.set(f"{{relay}}:noise:{int(clock() // DAY)}", "of another type")
    with pytest.raises(StoreUnavailable):
        await figures.write(noise, clock())
    await store.redis.flushall()

    await figures.write(noise, clock())

    assert (await figures.days(clock()))[0].destinations["room"].edits == 1


@pytest.mark.parametrize("partitions", [1, PARTITIONS])
async def test_an_operation_s_repetitions(open_store: Callable[..., Store], clock: Clock, partitions: int) -> None:
    store = open_store(partitions=partitions)
    collecting = Collecting(store, clock)
    for name in ("op-1", "op-2"):
        await ingest(store, collecting).ingest(events.completed(operationId=name))
    for _ in range(2):
        await ingest(store, collecting).ingest(events.completed(operationId="op-1"))
        await collecting.write()
        clock.advance(1)

    figures = RepeatFigures(store)

    repeated = Repeat("operation.completed", "async-operations", 2, clock() - 1)
    assert await figures.of_operation("op-1") == [repeated]
    assert await figures.of_operation("op-2") == await figures.of_operation("op-3") == []


async def test_repetitions_go_with_the_documents(store: Store, clock: Clock) -> None:
    collecting = Collecting(store, clock)
    for _ in range(2):
        await ingest(store, collecting).ingest(events.completed(operationId="op-1"))
    await collecting.write()
    clock.advance(3 * DAY)
    assert await RepeatFigures(store).of_operation("op-1")

    await Runs(store).trim(100)

    assert await RepeatFigures(store).of_operation("op-1") == []


async def test_repetitions_of_what_was_forgotten_make_nothing(store: Store, clock: Clock) -> None:
    repeats = Repeats()
    repeats.add(events.completed(operationId="forgotten"))
    await RepeatFigures(store).write(repeats, clock())

    assert await store.redis.keys("*:operation:*") == []


def test_repetitions_without_end_take_no_room_without_end() -> None:
    repeats = Repeats()
    for number in range(2 * ROOM):
        repeats.add(events.completed(operationId=f"op-{number}"))

    operations, sources = repeats.take()

    assert (len(operations), sources) == (ROOM, {"async-operations": 2 * ROOM})
