"""Questions to a channel before a message is sent again: whether it works, and whether an earlier attempt arrived."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from relay.config import Config
from relay.delivering.worker import Worker
from relay.domain.deliveries import Notification, Receipt
from relay.errors import CannotFind, DeliveryError
from relay.rendering import IsolatedRenderer
from relay.store import Store
from relay.store.queries.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.queue import accept, claim, lose
from tests.support.targets import room, team
from tests.support.wire import Wire, letters
from tests.support.workers import worker_of

BROKEN = DeliveryError("503", pause="channel", outcome_unknown=True)
UNREACHABLE = DeliveryError("no connection", pause="channel", unsent=True)


class Askable(Wire):
    """A channel that says whether it works, and what arrived."""

    def __init__(self) -> None:
        super().__init__()
        self.probes: list[DeliveryError | None] = []
        self.probed = 0
        self.finding: Receipt | DeliveryError | None = None
        self.asked: list[datetime] = []

    async def probe(self, _address: str) -> None:
        self.probed += 1
        if self.probes and (error := self.probes.pop(0)):
            raise error

    def finds(self, _address: str) -> bool:
        return True

    async def find(self, _notification: Notification, since: datetime) -> Receipt | None:
        self.asked.append(since)
        if isinstance(self.finding, DeliveryError):
            raise self.finding
        return self.finding


@pytest.fixture
def wire() -> Askable:
    return Askable()


async def fail(store: Store, worker: Worker, wire: Askable, clock: Clock, error: DeliveryError) -> None:
    wire.answers = [error]
    await store.accept(events.completed(), [room()])
    await worker.run_once("slack")
    clock.advance(2)


async def test_a_channel_that_fails_a_probe_gets_no_message(
    store: Store, worker: Worker, wire: Askable, clock: Clock
) -> None:
    wire.probes = [UNREACHABLE] * 20
    await fail(store, worker, wire, clock, UNREACHABLE)
    for _ in range(20):
        await worker.run_once("slack")
        clock.advance(62)
    await worker.run_once("slack")

    assert (wire.probed, len(wire.arrived)) == (21, 2)
    assert (await Admin(store).ledger()).counts["delivered"] == 1


async def test_what_an_earlier_attempt_left_is_not_sent_again(
    store: Store, worker: Worker, wire: Askable, clock: Clock
) -> None:
    wire.finding = Receipt("https://slack.example/p1", {"channel": "C1", "ts": "1.1"}, shown="operation.completed")
    begun = clock()
    await fail(store, worker, wire, clock, BROKEN)
    await worker.run_once("slack")

    assert len(wire.arrived) == 1
    assert [since.timestamp() for since in wire.asked] == [begun]
    assert (await Admin(store).ledger()).counts["delivered"] == 1


@pytest.mark.parametrize("finding", [None, CannotFind("missing_scope")], ids=["not there", "cannot say"])
async def test_what_did_not_arrive_or_cannot_be_found_is_sent_again(
    finding: DeliveryError | None, store: Store, worker: Worker, wire: Askable, clock: Clock
) -> None:
    wire.finding = finding
    await fail(store, worker, wire, clock, BROKEN)
    await worker.run_once("slack")

    assert len(wire.arrived) == 2
    assert await letters(store) == []


async def test_a_channel_that_does_not_say_now_is_asked_later(
    store: Store, worker: Worker, wire: Askable, clock: Clock
) -> None:
    wire.finding = DeliveryError("ratelimited", pause="limit", retry_after=30)
    await fail(store, worker, wire, clock, BROKEN)
    await worker.run_once("slack")
    clock.advance(29)
    await worker.run_once("slack")
    wire.finding = None
    clock.advance(1)
    await worker.run_once("slack")

    assert (len(wire.asked), len(wire.arrived)) == (2, 2)


@pytest.mark.parametrize("shown", ["operation.progress", "operation.completed"])
async def test_a_live_message_that_is_found_shows_the_present_and_calls_people_once(
    shown: str, store: Store, worker: Worker, wire: Askable, clock: Clock
) -> None:
    wire.finding = Receipt("p1", {"channel": "C1", "ts": "1.1"}, shown=shown)
    wire.answers = [BROKEN]
    await accept(store, events.progress(10), to=team(post_after=0.0))
    await worker.run_once("slack")
    await accept(store, events.completed(), to=team(post_after=0.0))
    for _ in range(4):
        clock.advance(4)
        await worker.run_once("slack")

    first, *later = wire.arrived
    assert not first.thread
    called = [("reply", True)] if shown == "operation.progress" else []
    assert sorted((one.kind, bool(one.thread)) for one in later) == sorted([("live", True), *called])


async def test_an_edit_without_an_answer_is_repeated_until_it_has_one(
    store: Store, worker: Worker, wire: Askable, clock: Clock
) -> None:
    await accept(store, events.progress(10), to=team(post_after=0.0))
    await worker.run_once("slack")
    wire.finding = Receipt("p1", {"channel": "C1", "ts": "1.1"}, shown="operation.progress")
    wire.answers, wire.timeout = [asyncio.Event(), asyncio.Event()], 0.01
    await accept(store, events.progress(20), to=team(post_after=0.0, min_interval=0.0))
    for _ in range(3):
        await worker.run_once("slack")
        clock.advance(60)

    assert [notification.content["text"][:7] for notification in wire.arrived] == ["Running"] * 4
    assert (wire.taken, wire.asked) == (2, [])
    assert (await Admin(store).ledger()).counts.get("unknown_outcomes", 0) == 0


async def test_replies_wait_for_their_message_and_a_late_receipt_of_it_lets_them_go_at_once(
    open_store: Callable[..., Store], config: Config, renderer: IsolatedRenderer, clock: Clock
) -> None:
    slow, quick, answer = Wire(), Wire(), asyncio.Event()
    first, second = (
        worker_of(open_store(), {"slack": wire}, config, renderer, clock=clock, jitter=lambda: 0.0)
        for wire in (slow, quick)
    )
    store = open_store()
    slow.answers, quick.answers = [answer], [DeliveryError("not now")]
    await accept(store, events.progress(10), to=team(post_after=0.0))
    posting = asyncio.create_task(first.run_once("slack"))
    await slow.called.wait()
    await accept(store, events.completed(), to=team(post_after=0.0))
    clock.advance(31)
    await lose(store)
    await second.run_once("slack")  # it takes over, and has to wait a minute
    clock.advance(5)
    await second.run_once("slack")  # no reply goes before its message
    answer.set()
    await posting
    clock.advance(5)
    await second.run_once("slack")

    assert [(one.kind, one.thread.get("ts")) for one in quick.arrived] == [("live", None), ("reply", "1.1")]


async def test_what_was_claimed_before_a_throttle_does_not_leave_into_it(
    store: Store, worker: Worker, wire: Askable, clock: Clock
) -> None:
    wide = replace(room().limits, new=tuple(replace(limit, burst=5) for limit in room().limits.new))
    for number in range(2):
        await store.accept(events.completed(operationId=f"op-{number}"), [replace(room(), limits=wide)])
    first, second = await claim(store)
    wire.answers = [DeliveryError("ratelimited", pause="limit", retry_after=30)]
    await worker.deliver(first)
    await worker.deliver(second)

    assert len(wire.arrived) == 1
    clock.advance(30)
    assert [delivery.attempt for delivery in await claim(store)] == [1, 1]


async def test_an_address_that_fails_a_probe_is_no_failure_of_its_channel(
    store: Store, worker: Worker, wire: Askable, clock: Clock
) -> None:
    await fail(store, worker, wire, clock, UNREACHABLE)
    await store.accept(events.completed(operationId="well"), [replace(room(), destination="other", address="#other")])
    wire.probes = [DeliveryError("no_service", pause="destination")]
    for _ in range(4):
        await worker.run_once("slack")
        clock.advance(1)

    assert [notification.address for notification in wire.arrived] == ["#room", "#other"]
