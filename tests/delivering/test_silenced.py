"""Silences between an event and its message: where it comes in, and where it is about to be sent."""

from collections.abc import Callable
from typing import Any

import pytest

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.delivering.worker import Worker
from relay.ingest import Ingest
from relay.policy.silences import Silence, Silences
from tests.support import events
from tests.support.clock import Clock
from tests.support.silences import HOUR, added, silence
from tests.support.targets import room
from tests.support.wire import Wire
from tests.support.workers import Bench

RECEIVED = events.RECEIVED.timestamp()
CONFIG = """
job: "{operationType}"
sources: {async-operations: {signature: {secrets: {current: "a-secret-of-enough-length"}}}}
channels: {slack: {token: xoxb-of-the-test}}
destinations: {room: {slack: "#room", mode: each}}
rules: [{name: all, notify: [room]}]
"""


@pytest.fixture
def silent_config() -> Config:
    return parse_config(CONFIG, env={}, channels=CHANNELS)


@pytest.fixture
def told_by(bench: Bench) -> Callable[[Silence], Worker]:
    """A worker that goes by a silence."""
    return lambda its: bench.worker(silences=Silences([its]))


def told(wire: Wire) -> list[str]:
    return [notification.event for notification in wire.arrived]


async def test_an_event_is_held_by_what_the_template_calls_its_job(bench: Bench, silent_config: Config) -> None:
    name = events.failed().operation.document["operationType"]
    await added(bench.store, silence(bench.clock(), jobs=(name,)))

    accepted = await Ingest(bench.store, lambda: silent_config, CHANNELS).ingest(events.failed())

    assert accepted.held == (("room", "silenced"),)


async def test_a_decision_that_was_made_before_is_not_what_counts(bench: Bench, silent_config: Config) -> None:
    ingest = Ingest(bench.store, lambda: silent_config, CHANNELS)
    before = await ingest.ingest(events.failed(operationId="a"))
    silences = await added(bench.store, silence(bench.clock()))
    during = await ingest.ingest(events.failed(operationId="b"))
    await silences.expire("s-1")

    after = await ingest.ingest(events.failed(operationId="c"))

    assert [one.deliveries for one in (before, during, after)] == [1, 0, 1]


@pytest.mark.parametrize(("changes", "during", "after"), [
    ({}, [], ["roundup"]),
    ({"then": "nothing"}, [], []),
    ({"destinations": ("analysts",)}, ["operation.failed"], ["operation.failed"]),
])  # fmt: skip
async def test_what_was_queued_in_it_by_a_process_that_had_not_heard_of_it(
    bench: Bench, told_by: Callable[[Silence], Worker], changes: Any, during: Any, after: Any
) -> None:
    worker = told_by(silence(bench.clock(), **changes))
    await bench.store.accept(events.failed(), [room()])
    await worker.run_once("slack")
    sent = told(bench.wire)
    bench.clock.advance(HOUR)
    await worker.run_once("slack")

    assert (sent, told(bench.wire)) == (during, after)
    assert (await bench.counts()).get("pending", 0) == 0


async def test_what_was_queued_before_it_began_is_sent_as_it_is(
    bench: Bench, told_by: Callable[[Silence], Worker]
) -> None:
    for number in range(5):
        await bench.store.accept(events.failed(operationId=f"op-{number}"), [room()])
    bench.clock.now = RECEIVED + 1
    worker = told_by(silence(bench.clock(), destinations=()))

    while await worker.run_once("slack"):
        bench.clock.advance(1)

    assert told(bench.wire) == ["operation.failed"] * 5


async def test_one_that_is_over_by_the_clock_of_redis_is_not_asked_about_again(bench: Bench) -> None:
    behind = Clock(bench.clock() - 60)
    its = Silences([silence(behind(), until=bench.clock() - 1)])
    worker = bench.worker(clock=behind, silences=its)
    await bench.store.accept(events.failed(), [room()])

    await worker.run_once("slack")

    assert told(bench.wire) == ["operation.failed"]
