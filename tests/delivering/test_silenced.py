"""Silences between an event and its message: where it comes in, and where it is about to be sent."""

from collections.abc import Callable
from typing import Any

import pytest

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.delivering.worker import Worker
from relay.domain.silences import Silence
from relay.ingest import Ingest
from relay.policy.silences import Silences
from relay.rendering import IsolatedRenderer
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.silences import HOUR, added, silence
from tests.support.targets import room
from tests.support.wire import Wire
from tests.support.workers import worker_of

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
def told_by(
    store: Store, wire: Wire, config: Config, renderer: IsolatedRenderer, clock: Clock
) -> Callable[[Silence], Worker]:
    """A worker that goes by a silence."""
    return lambda its: worker_of(store, {"slack": wire}, config, renderer, clock=clock, silences=Silences([its]))


def told(wire: Wire) -> list[str]:
    return [notification.event for notification in wire.arrived]


async def test_an_event_is_held_by_what_the_template_calls_its_job(
    store: Store, silent_config: Config, clock: Clock
) -> None:
    name = events.failed().operation.document["operationType"]
    await added(store, silence(clock(), jobs=(name,)))

    accepted = await Ingest(store, lambda: silent_config, CHANNELS).ingest(events.failed())

    assert accepted.held == (("room", "silenced"),)


async def test_a_decision_that_was_made_before_is_not_what_counts(
    store: Store, silent_config: Config, clock: Clock
) -> None:
    ingest = Ingest(store, lambda: silent_config, CHANNELS)
    before = await ingest.ingest(events.failed(operationId="a"))
    silences = await added(store, silence(clock()))
    during = await ingest.ingest(events.failed(operationId="b"))
    await silences.expire("s-1")

    after = await ingest.ingest(events.failed(operationId="c"))

    assert [one.deliveries for one in (before, during, after)] == [1, 0, 1]


@pytest.mark.parametrize(
    ("changes", "during", "after"),
    [
        ({}, [], ["roundup"]),
        ({"then": "nothing"}, [], []),
        ({"destinations": ("analysts",)}, ["operation.failed"], ["operation.failed"]),
    ],
)
async def test_what_was_queued_in_it_by_a_process_that_had_not_heard_of_it(
    store: Store,
    wire: Wire,
    told_by: Callable[[Silence], Worker],
    clock: Clock,
    *,
    changes: Any,
    during: Any,
    after: Any,
) -> None:
    worker = told_by(silence(clock(), **changes))
    await store.accept(events.failed(), [room()])
    await worker.run_once("slack")
    sent = told(wire)
    clock.advance(HOUR)
    await worker.run_once("slack")

    assert (sent, told(wire)) == (during, after)
    assert (await Admin(store).ledger()).counts.get("pending", 0) == 0


async def test_what_was_queued_before_it_began_is_sent_as_it_is(
    store: Store, wire: Wire, told_by: Callable[[Silence], Worker], clock: Clock
) -> None:
    for number in range(5):
        await store.accept(events.failed(operationId=f"op-{number}"), [room()])
    clock.now = RECEIVED + 1
    worker = told_by(silence(clock(), destinations=()))

    while await worker.run_once("slack"):
        clock.advance(1)

    assert told(wire) == ["operation.failed"] * 5


async def test_one_that_is_over_by_the_clock_of_redis_is_not_asked_about_again(
    store: Store, wire: Wire, config: Config, renderer: IsolatedRenderer, clock: Clock
) -> None:
    behind = Clock(clock() - 60)
    its = Silences([silence(behind(), until=clock() - 1)])
    worker = worker_of(store, {"slack": wire}, config, renderer, clock=behind, silences=its)
    await store.accept(events.failed(), [room()])

    await worker.run_once("slack")

    assert told(wire) == ["operation.failed"]
