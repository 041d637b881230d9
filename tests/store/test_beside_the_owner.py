"""What a process that does not own the partition takes: acts of people are never refused, and counts stay honest."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from relay.channels import CHANNELS
from relay.config import Config, parse_config
from relay.domain.events import Event
from relay.domain.links import Person
from relay.domain.permissions import Permissions
from relay.errors import HandlingFailed, InvalidEvent, NotPermitted
from relay.ingest import Ingest
from relay.interactivity import buttons
from relay.operating.sweeps import Swept, replay_quarantined, take
from relay.store import Store
from relay.store.journal.backlog import NotOwner
from relay.store.journal.items import Busy
from relay.store.journal.pace import Pace
from relay.store.keys import PREFIX
from relay.store.queries.admin import Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.front import count
from tests.support.queue import counts
from tests.support.targets import room, team
from tests.support.waiting import until

SOURCE = "async-operations"
CONFIG = f'sources: {{{SOURCE}: {{signature: {{secrets: {{current: "a-secret-of-enough-length"}}}}}}}}\nrules: []'
PATIENTLY = 15  # times: of a busy owner nothing may be heard within the 2 s that each waits
Open = Callable[..., Store]


def config() -> Config:
    return parse_config(CONFIG, env={}, channels={})


def press(once: str, clock: Clock) -> Event:
    button = buttons.Button("cancel", "op-1", "op-1", 0, "team", "#team", clock.now + 60)
    return buttons.action_requested(button, "ada", Person("U1", "Ada"), datetime.fromtimestamp(clock.now, UTC), once)


async def owner_is_behind(store: Store) -> None:
    """Let there be an owner that lives, and that has left something in its inbox for a minute."""
    seconds, _ = await store.redis.time()
    await store.redis.set(PREFIX + "owner", "busy 1", px=60_000)
    await store.redis.xadd(PREFIX + "inbox", {"id": "x", "entry": "x"}, id=f"{(seconds - 60) * 1000}-0")


async def owner_is_gone(store: Store) -> None:
    await store.redis.delete(PREFIX + "owner", PREFIX + "inbox")


async def owning(open_store: Open, beside: Store, **options: Any) -> Store:
    store = open_store(**options)
    await store.prepare()
    await until(lambda: store.partition.owns)
    await until(lambda: store.partition.process in beside.partition.living)
    return store


@pytest.fixture
async def beside(open_redis_store: Open) -> Store:
    store = open_redis_store(may_own=False, pace=Pace(answered=0.1))
    await store.prepare()
    return store


async def test_presses_are_taken_however_much_waits(beside: Store, open_redis_store: Open, clock: Clock) -> None:
    await owner_is_behind(beside)

    with pytest.raises(Busy):
        await beside.report(events.completed(), [room()])
    accepted = await beside.report(press("U1 1", clock), [room()])

    assert (accepted.status, accepted.elsewhere) == ("accepted", True)
    await owner_is_gone(beside)
    await owning(open_redis_store, beside)


async def test_a_press_that_is_appended_twice_counts_once_and_has_the_owners_answer(
    beside: Store, open_redis_store: Open, clock: Clock
) -> None:
    first = [await beside.report(press("U1 1", clock), [room()]) for _ in range(2)]
    appended = await beside.redis.xlen(PREFIX + "inbox")
    owner = await owning(open_redis_store, beside)
    await until(lambda: empty(owner))
    again = await beside.report(press("U1 1", clock), [room()])
    another = await beside.report(press("U2 1", clock), [room()])

    assert [answer.elsewhere for answer in first] == [True, True]
    assert appended == 1
    assert (again.status, again.elsewhere, again.deliveries) == ("accepted", False, 1)
    assert another.status == "duplicate"
    assert (await counts(owner))["events"] == 1


async def test_progress_that_a_nearly_full_redis_may_refuse_is_for_no_other_owner(
    beside: Store, open_redis_store: Open
) -> None:
    owner = await owning(open_redis_store, beside)
    another = open_redis_store()
    await another.prepare()
    await until(lambda: another.partition.process in owner.partition.living)

    await owner.hand_over()
    with pytest.raises(NotOwner):
        await owner.report(events.progress(10), crowded=True)

    assert not await owner.redis.exists(PREFIX + "inbox")


def broken(event: Event) -> Any:
    raise ValueError(event)


async def empty(store: Store) -> bool:
    return not await store.redis.xlen(PREFIX + "inbox")


class TestAReplayOfTheQuarantine:
    @pytest.fixture
    async def body(self, beside: Store) -> str:
        document = json.dumps(events.body("operation.completed", 100, status="Completed")).encode()
        headers = {"content-type": "application/json"}
        return await beside.bodies.keep(SOURCE, document, headers, "no tenant", fault=False)

    @staticmethod
    async def replayed(beside: Store, *ids: str) -> Swept:
        taking = partial(take, config=config(), ingest=Ingest(beside, config, CHANNELS).ingest, now=time.time())
        swept = Swept()
        await replay_quarantined(beside.bodies, taking)(ids, swept)
        return swept

    async def test_counts_what_the_owner_has_decided_and_keeps_the_rest(
        self, beside: Store, open_redis_store: Open, body: str
    ) -> None:
        early = await self.replayed(beside, body, "q-unknown")
        kept = await beside.bodies.size()
        owner = await owning(open_redis_store, beside)
        await until(lambda: empty(owner))
        done = await self.replayed(beside, body, "q-unknown")

        assert (early.done, early.later, early.gone, early.more) == (0, 1, 0, True)
        assert kept == 1
        assert (done.done, done.later, done.gone, done.more) == (1, 0, 1, False)
        assert await beside.bodies.size() == 0
        assert (await counts(owner)).get("events") == 1

    async def test_says_what_the_owner_refuses_or_fails_on_and_counts_nothing_lost(
        self, beside: Store, open_redis_store: Open
    ) -> None:
        owner = await owning(open_redis_store, beside)
        event = events.started(operationId="op-2")
        nothing = Permissions("restricted", begins=False)

        with pytest.raises(InvalidEvent) as own:
            await owner.report(event, permissions=nothing)
        with pytest.raises(InvalidEvent) as other:
            for _ in range(PATIENTLY):
                await beside.report(event, permissions=nothing, act="replay")

        Ingest(owner, config, CHANNELS)
        owner.journal.settings.targets = broken
        with pytest.raises(HandlingFailed):
            for _ in range(PATIENTLY):
                await beside.report(event, act="another")

        assert isinstance(own.value, NotPermitted)
        assert (other.value.kind, str(other.value)) == (own.value.kind, str(own.value))
        assert (await Admin(owner).ledger()).counts.get("dead", 0) == 0


async def test_the_owner_counts_what_senders_do_wrong_in_events_of_other_processes(
    beside: Store, open_redis_store: Open
) -> None:
    owner = await owning(open_redis_store, beside)
    Ingest(owner, config, CHANNELS)
    labels = {"source": SOURCE}
    before = count("ids_reused", **labels), count("duplicates_differing", **labels)

    for subject in ("op-1", "op-2"):
        event = events.event_of(events.body("operation.started", 0, status="Initiated", operationId=subject), id="one")
        await beside.report(event, [team()])
    for message in ("too slow", "too late"):
        failed = events.body("operation.failed", 67, status="Failed", operationId="op-3")
        await beside.report(events.event_of(failed | {"error": {"code": "E", "message": message}}))

    def counted() -> tuple[float, float]:  # once the commit that empties the inbox is known to stand
        return count("ids_reused", **labels) - before[0], count("duplicates_differing", **labels) - before[1]

    await until(lambda: all(counted()))
    assert counted() == (1, 1)
