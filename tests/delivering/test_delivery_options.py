"""What a message needs of the configuration travels with it, and nobody is told whom the newest one does not have."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from relay.config import Config, parse_config
from relay.domain.deliveries import Accepted, Each, Live
from relay.engine.parking import Configured
from relay.errors import DeliveryError
from relay.health import Health, known_addresses
from relay.ingest import Ingest
from relay.store import Store
from relay.store.queries.admin import CONFIGURED, Admin
from tests.support import events
from tests.support.clock import Clock
from tests.support.configuration import CHANNELS
from tests.support.memory_store import MemoryStore
from tests.support.queue import claim, send
from tests.support.targets import room
from tests.support.workers import Bench

TOP = """
sources: {async-operations: {signature: {secrets: {current: "the-secret-of-the-platform"}}}}
channels: {slack: {token: xoxb-1-options}}
"""
NEWER = (
    TOP
    + """
destinations:
  ops:
    {slack: "#ops", mode: each, language: de,
     timezone: Asia/Tokyo, mention: {failed: [U0123ABCD]}, retry: {max_retries: 0}}
rules: [{name: all, events: ["operation.*"], notify: [ops]}]
"""
)
OLDER = (
    TOP
    + """
destinations: {room: {slack: "#room", mode: each}}
rules: [{name: all, events: ["operation.*"], notify: [room]}]
"""
)


def config_of(text: str) -> Config:
    return parse_config(text, env={}, channels=CHANNELS)


async def accepted(store: Store, config: Config) -> Accepted:
    return await Ingest(store, lambda: config, CHANNELS).ingest(events.failed())


async def test_a_relay_with_an_older_file_tells_a_new_destination_as_the_newer_one_says(bench: Bench) -> None:
    await accepted(bench.store, config_of(NEWER))

    await bench.worker(config=config_of(OLDER)).run_once("slack")

    (notification,) = bench.wire.arrived
    assert (notification.language, notification.mentions) == ("de", ("U0123ABCD",))
    assert "Fehlgeschlagen" in notification.content["text"]


async def test_it_is_tried_as_often_as_the_configuration_said_that_accepted_it(bench: Bench) -> None:
    await accepted(bench.store, config_of(NEWER))
    bench.wire.answers = [DeliveryError("msg_too_long")]

    await bench.worker(config=config_of(OLDER)).run_once("slack")  # which would try again

    assert await bench.dead() == [("retries_exhausted", "msg_too_long")]


async def test_what_is_queued_for_somebody_taken_out_is_held_back_and_shown(bench: Bench) -> None:
    await accepted(bench.store, config_of(NEWER))
    admin = Admin(bench.store)
    await admin.announce(known_addresses(config_of(OLDER)))
    worker = bench.worker(config=config_of(NEWER))  # it still has them

    for _ in range(3):
        assert await worker.run_once("slack") == 0
        bench.clock.advance(60)

    timeline = await admin.timeline(events.failed().subject)
    assert timeline
    assert [line[1:] for line in timeline.log if line[1] == "waits"] == [
        ["waits", "ops", "destination_removed", "#ops"]
    ]
    assert await admin.removed(bench.clock()) == [("ops", "#ops")]
    assert (await admin.ledger()).counts["pending"] == 1

    await admin.announce(known_addresses(config_of(NEWER)))
    bench.clock.advance(61)
    assert await worker.run_once("slack") == 1
    assert await admin.removed(bench.clock() + 180) == []


@pytest.mark.parametrize("had", [1, 2])
async def test_what_waits_goes_to_the_one_address_that_took_the_place(bench: Bench, had: int) -> None:
    admin = Admin(bench.store)
    await admin.announce({"ops": {"slack": ("#ops", "#more")[:had]}})
    live = room(destination="ops", address="#ops", how=Live(post_after=0))
    await bench.store.accept(events.started(operationId="edited"), [live])
    await send(bench.store)
    await bench.store.accept(events.failed(operationId="each"), [replace(live, how=Each())])
    [dead] = await claim(bench.store)
    await bench.store.dead_letter(dead, "rejected", "channel_not_found")
    for event in (events.failed(operationId="over"), events.progress(10, operationId="running")):
        await bench.store.accept(event, [live])
    await bench.store.accept(events.failed(operationId="edited"), [live])
    for _ in range(2):
        await admin.announce({"ops": {"slack": ("#new",)}})
    assert await admin.present("ops", "slack") == ("#new" if had == 1 else "")
    await admin.replay([dead.id])

    received = [delivery for _ in range(3) for delivery in await claim(bench.store)]

    assert {delivery.address for delivery in received} == ({"#new"} if had == 1 else set())
    # What runs is told there by its next event; a message at the old address stays.
    assert len(received) == (2 if had == 1 else 0)
    assert len(await admin.removed(bench.clock())) == 1


def addresses(store: MemoryStore) -> dict[str, list[str]]:
    """Return those of the newest configuration by destination."""
    newest = store.shared.draft().get(Configured, CONFIGURED)
    assert newest
    return newest.addresses


async def test_each_relay_announces_its_file_once_and_again_after_a_reload(
    open_store: Callable[..., MemoryStore], clock: Clock
) -> None:
    files = [config_of(OLDER)]
    store = open_store()
    health = Health(store, lambda: files[-1], clock=clock)
    await health.prepare()
    first = addresses(store)
    await Admin(store).announce({"ops": {"slack": ("#ops",)}})  # a newer relay started
    await health.look()
    between = addresses(store)

    files.append(config_of(OLDER.replace("#room", "#other")))
    await health.look()

    assert first["room"] == ["#room"]
    assert between == {"ops": ["#ops"]}
    assert addresses(store) == first | {"room": ["#other"]}


async def test_what_was_claimed_between_a_reload_and_its_announcement_waits_for_no_more_than_that(bench: Bench) -> None:
    files = [config_of(OLDER)]
    health = Health(bench.store, lambda: files[-1], clock=bench.clock)
    await health.prepare()
    files.append(config_of(NEWER))
    await accepted(bench.store, files[-1])
    worker = bench.worker(config=files[-1])
    assert await worker.run_once("slack") == 0

    await health._resume()

    assert await worker.run_once("slack") == 1
    assert bench.wire.arrived
