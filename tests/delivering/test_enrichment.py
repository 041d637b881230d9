"""Results that a completion lacks: fetched once, waited for briefly, and never a reason to lose or delay a message."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from relay.delivering.enrichment import REST, Enrichment
from relay.domain.deliveries import Receipt
from relay.domain.facts import Space
from relay.errors import PlatformError
from relay.store import Store
from relay.store.results import ResultsCache
from tests.support import events
from tests.support.clock import Clock
from tests.support.targets import mail, room

RESULTS = {"operationId": "op", "summary": {"processVariants": 347}, "artifacts": [{"name": "Report"}]}


class Platform:
    """Answers with results, or as it is told."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    configured = its = True

    def ours(self, _space: Space) -> bool:
        return self.its

    async def results(self, operation: str) -> dict[str, Any]:
        self.asked.append(operation)
        answer = self.answers.pop(0) if self.answers else RESULTS
        if isinstance(answer, Exception):
            raise answer
        if answer is None:
            await asyncio.Event().wait()
        return answer


async def claimed(store: Store, channel: str) -> Any:
    """The one that is due; it is settled at once, so that it does not lapse when time moves."""
    [delivery] = (await store.claim(channel, 20)).deliveries
    await store.mark_sending(delivery)
    await store.complete(delivery, Receipt("250 ok"))
    return delivery


@pytest.fixture
def results(open_redis_store: Callable[..., Store]) -> ResultsCache:
    return ResultsCache(open_redis_store())


def bare_completion() -> Any:
    return events.completed()


async def test_every_destination_is_told_the_same_results_and_the_platform_is_asked_once(
    store: Store, results: ResultsCache, clock: Clock
) -> None:
    platform = Platform()
    enrichment = Enrichment(platform, results, clock=clock)
    event = bare_completion()
    assert not event.results
    await store.accept(event, [room(), mail()])
    for channel in ("slack", "email"):
        told = await enrichment.complete(await claimed(store, channel))
        assert told.event.results == RESULTS
        assert told.history[-1].results == RESULTS
    assert platform.asked == [event.operation.id]


@pytest.mark.parametrize("answer", [
    PlatformError("GET: 503", temporary=True), PlatformError("GET: 404", status=404), ValueError("what it is"), None,
])  # fmt: skip
async def test_without_an_answer_the_message_says_what_the_event_said_and_stays_so(
    store: Store, results: ResultsCache, clock: Clock, answer: Any
) -> None:
    platform = Platform(answer)
    enrichment = Enrichment(platform, results, clock=clock, patience=0.01)
    await store.accept(bare_completion(), [room(), mail()])
    for channel in ("slack", "email"):  # the second would get an answer, but attempts must stay alike
        delivery = await claimed(store, channel)
        assert await enrichment.complete(delivery) == delivery
    assert len(platform.asked) == 1


@pytest.mark.parametrize("answer", [PlatformError("GET: 503", temporary=True), None], ids=["503", "none"])
async def test_an_outage_of_the_platform_delays_one_message_and_not_each(
    store: Store, results: ResultsCache, clock: Clock, answer: PlatformError | None
) -> None:
    platform = Platform(answer)
    enrichment = Enrichment(platform, results, clock=clock, patience=0.01)

    async def told(name: str) -> Any:
        await store.accept(events.completed(operationId=name), [mail()])
        return (await enrichment.complete(await claimed(store, "email"))).event.results

    assert not await told("op-1")
    assert not await told("op-2")
    assert platform.asked == ["op-1"]
    clock.advance(REST)
    assert await told("op-3") == RESULTS


async def test_the_platform_is_not_asked_about_a_run_of_another(
    store: Store, results: ResultsCache, clock: Clock
) -> None:
    platform = Platform()
    platform.its = False
    await store.accept(bare_completion(), [mail()])
    delivery = await claimed(store, "email")

    assert await Enrichment(platform, results, clock=clock).complete(delivery) is delivery
    assert platform.asked == []


async def test_two_workers_that_ask_at_once_say_the_same(open_redis_store: Callable[..., Store]) -> None:
    one, two = open_redis_store(), open_redis_store()
    both = [ResultsCache(one).keep("op", 0, {"from": "one"}), ResultsCache(two).keep("op", 0, {"from": "two"})]
    first, second = await asyncio.gather(*both)
    assert first == second
    assert await ResultsCache(two).get("op", 1) is None


async def test_messages_that_are_made_side_by_side_ask_once(store: Store, results: ResultsCache, clock: Clock) -> None:
    class SlowPlatform(Platform):
        async def results(self, operation: str) -> dict[str, Any]:
            self.asked.append(operation)
            await asyncio.sleep(0)
            return RESULTS

    platform = SlowPlatform()
    enrichment = Enrichment(platform, results, clock=clock)
    await store.accept(bare_completion(), [room(), mail()])
    deliveries = [await claimed(store, channel) for channel in ("slack", "email")]
    told = await asyncio.gather(*map(enrichment.complete, deliveries))
    assert [one.event.results for one in told] == [RESULTS, RESULTS]
    assert len(platform.asked) == 1
