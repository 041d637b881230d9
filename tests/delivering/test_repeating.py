"""Questions to a channel before a message is sent again: whether it works, and whether an earlier attempt arrived."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import pytest

from relay.delivering.safeguards import LOOKED_FOR
from relay.delivering.worker import Worker
from relay.domain.deliveries import Notification, Receipt
from relay.errors import CannotFind, DeliveryError
from relay.store import Store
from tests.support import events
from tests.support.queue import accept, claim, lose
from tests.support.targets import room, team
from tests.support.wire import Wire
from tests.support.workers import Bench

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


async def fail(bench: Bench, worker: Worker, error: DeliveryError) -> None:
    bench.wire.answers = [error]
    await bench.store.accept(events.completed(), [room()])
    await worker.run_once("slack")
    bench.clock.advance(2)


async def test_a_channel_that_fails_a_probe_gets_no_message(bench: Bench, worker: Worker) -> None:
    bench.wire.probes = [UNREACHABLE] * 20
    await fail(bench, worker, UNREACHABLE)
    for _ in range(20):
        await worker.run_once("slack")
        bench.clock.advance(62)
    await worker.run_once("slack")

    assert (bench.wire.probed, len(bench.wire.arrived)) == (21, 2)
    assert (await bench.counts())["delivered"] == 1


async def test_what_an_earlier_attempt_left_is_not_sent_again(bench: Bench, worker: Worker) -> None:
    bench.wire.finding = Receipt(
        "https://slack.example/p1", {"channel": "C1", "ts": "1.1"}, shown="operation.completed"
    )
    begun = bench.clock()
    await fail(bench, worker, BROKEN)
    await worker.run_once("slack")

    assert len(bench.wire.arrived) == 1
    assert [since.timestamp() for since in bench.wire.asked] == [begun]
    assert (await bench.counts())["delivered"] == 1


@pytest.mark.parametrize("finding", [None, CannotFind("missing_scope")], ids=["not there", "cannot say"])
async def test_what_did_not_arrive_or_cannot_be_found_is_sent_again(
    bench: Bench, finding: DeliveryError | None, worker: Worker
) -> None:
    bench.wire.finding = finding
    await fail(bench, worker, BROKEN)
    await worker.run_once("slack")

    assert len(bench.wire.arrived) == 2
    assert await bench.dead() == []


async def test_a_channel_that_does_not_say_now_is_asked_later(bench: Bench, worker: Worker) -> None:
    bench.wire.finding = DeliveryError("ratelimited", pause="limit", retry_after=30)
    await fail(bench, worker, BROKEN)
    await worker.run_once("slack")
    bench.clock.advance(29)
    await worker.run_once("slack")
    bench.wire.finding = None
    bench.clock.advance(1)
    await worker.run_once("slack")

    assert (len(bench.wire.asked), len(bench.wire.arrived)) == (2, 2)


async def test_a_look_up_that_is_refused_for_ever_ends_and_the_message_is_sent_again(
    bench: Bench, worker: Worker
) -> None:
    """The channel answers each probe, and whatever it refuses but the look-up it might refuse for days."""
    bench.wire.finding = DeliveryError("fatal_error", pause="channel", unsent=True)
    begun = bench.clock()
    await fail(bench, worker, BROKEN)
    while len(bench.wire.arrived) == 1 and bench.clock() - begun < 600:
        await worker.run_once("slack")
        bench.clock.advance(5)

    assert LOOKED_FOR < bench.clock() - begun < 600
    assert len(bench.wire.asked) > 2


@pytest.mark.parametrize("shown", ["operation.progress", "operation.completed"])
async def test_a_live_message_that_is_found_shows_the_present_and_calls_people_once(
    bench: Bench, shown: str, worker: Worker
) -> None:
    bench.wire.finding = Receipt("p1", {"channel": "C1", "ts": "1.1"}, shown=shown)
    bench.wire.answers = [BROKEN]
    await accept(bench.store, events.progress(10), to=team(post_after=0.0))
    await worker.run_once("slack")
    await accept(bench.store, events.completed(), to=team(post_after=0.0))
    for _ in range(4):
        bench.clock.advance(4)
        await worker.run_once("slack")

    first, *later = bench.wire.arrived
    assert not first.thread
    called = [("reply", True)] if shown == "operation.progress" else []
    assert sorted((one.kind, bool(one.thread)) for one in later) == sorted([("live", True), *called])


async def test_an_edit_without_an_answer_is_repeated_until_it_has_one(bench: Bench, worker: Worker) -> None:
    await accept(bench.store, events.progress(10), to=team(post_after=0.0))
    await worker.run_once("slack")
    bench.wire.finding = Receipt("p1", {"channel": "C1", "ts": "1.1"}, shown="operation.progress")
    bench.wire.answers, bench.wire.timeout = [asyncio.Event(), asyncio.Event()], 0.01
    await accept(bench.store, events.progress(20), to=team(post_after=0.0, min_interval=0.0))
    for _ in range(3):
        await worker.run_once("slack")
        bench.clock.advance(60)

    assert [notification.content["text"][:7] for notification in bench.wire.arrived] == ["Running"] * 4
    assert (bench.wire.taken, bench.wire.asked) == (2, [])
    assert (await bench.counts()).get("unknown_outcomes", 0) == 0


async def test_replies_wait_for_their_message_and_a_late_receipt_of_it_lets_them_go_at_once(
    bench: Bench, open_store: Callable[..., Store]
) -> None:
    slow, quick, answer, store = Wire(), Wire(), asyncio.Event(), bench.store
    first, second = (bench.worker(open_store(), wire=wire) for wire in (slow, quick))
    slow.answers, quick.answers = [answer], [DeliveryError("not now")]
    await accept(store, events.progress(10), to=team(post_after=0.0))
    posting = asyncio.create_task(first.run_once("slack"))
    await slow.called.wait()
    await accept(store, events.completed(), to=team(post_after=0.0))
    bench.clock.advance(31)
    await lose(store)
    await second.run_once("slack")  # it takes over, and has to wait a minute
    bench.clock.advance(5)
    await second.run_once("slack")  # no reply goes before its message
    answer.set()
    await posting
    bench.clock.advance(5)
    await second.run_once("slack")

    assert [(one.kind, one.thread.get("ts")) for one in quick.arrived] == [("live", None), ("reply", "1.1")]


async def test_what_was_claimed_before_a_throttle_does_not_leave_into_it(bench: Bench, worker: Worker) -> None:
    wide = replace(room().limits, new=tuple(replace(limit, burst=5) for limit in room().limits.new))
    for number in range(2):
        await bench.store.accept(events.completed(operationId=f"op-{number}"), [replace(room(), limits=wide)])
    first, second = await claim(bench.store)
    bench.wire.answers = [DeliveryError("ratelimited", pause="limit", retry_after=30)]
    await worker.deliver(first)
    await worker.deliver(second)

    assert len(bench.wire.arrived) == 1
    bench.clock.advance(30)
    assert [delivery.attempt for delivery in await claim(bench.store)] == [1, 1]


async def test_an_address_that_fails_a_probe_is_no_failure_of_its_channel(bench: Bench, worker: Worker) -> None:
    await fail(bench, worker, UNREACHABLE)
    await bench.store.accept(
        events.completed(operationId="well"), [replace(room(), destination="other", address="#other")]
    )
    bench.wire.probes = [DeliveryError("no_service", pause="destination")]
    for _ in range(4):
        await worker.run_once("slack")
        bench.clock.advance(1)

    assert [notification.address for notification in bench.wire.arrived] == ["#room", "#other"]
