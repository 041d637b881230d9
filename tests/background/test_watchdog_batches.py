"""A batch that goes silent: told below its message, once, and withdrawn when it or a member of it is heard of again."""

from typing import Any

from relay.config import parse_config
from relay.domain.events import Event
from relay.store.queries.admin import Admin
from relay.store.queries.runs import Runs
from tests.background.runs import HOUR, MINUTE, Watched, iso
from tests.support import events, records
from tests.support.configuration import CHANNELS, GOOD, SECRETS
from tests.support.queue import send

MEMBERS = ("op-1", "op-2", "op-3", "op-4", "op-5")


def batch(relay: Watched, name: str, **parts: Any) -> Event:
    document = {
        "batchId": "b-1",
        "batchName": "Month end",
        "trackingUrl": "https://app.example.com/batches/b-1",
        "operations": [{"operationId": member, "status": "Pending"} for member in MEMBERS],
    }
    return events.event_of({"event": name, "timestamp": iso(relay.clock()), "batch": document, **parts})


def member_done(relay: Watched, member: str) -> Event:
    return batch(relay, "batch.operation.completed", operation={"operationId": member, "status": "Completed"})


async def goes_on(relay: Watched) -> None:
    """Have it report three members' ends, a minute apart."""
    await relay.happens(batch(relay, "batch.started"))
    for member in MEMBERS[:3]:
        await relay.happens(member_done(relay, member))
        relay.clock.advance(MINUTE)


async def test_a_silent_batch_is_told_once_and_withdrawn_when_it_goes_on(relay: Watched) -> None:
    await goes_on(relay)
    await relay.passes(16 * MINUTE)
    await relay.happens(member_done(relay, "op-4"))
    await relay.passes(MINUTE)

    assert relay.words == ["stalled silent", "recovered silent"]
    stalled = relay.told[0]
    assert (stalled.subject, stalled.status) == ("b-1", "Stalled")
    assert stalled.operation is not None
    assert stalled.operation.name == "Month end"
    assert stalled.operation.document["trackingUrl"] == "https://app.example.com/batches/b-1"


async def test_its_members_events_are_its_life(relay: Watched) -> None:
    await relay.happens(batch(relay, "batch.started"))
    for percentage in range(10, 60, 10):
        await relay.progress(percentage, operationId="op-2", batchId="b-1")
        await relay.passes(10 * MINUTE)

    assert relay.words == []
    await relay.ends(operationId="op-2", batchId="b-1")
    await relay.passes(4 * HOUR - MINUTE)
    assert relay.words == []
    await relay.passes(2 * MINUTE)
    assert [(event.subject, words) for event, words in zip(relay.told, relay.words, strict=True)] == [
        ("b-1", "stalled late start")
    ]


async def test_it_stands_below_the_message_of_the_batch_which_goes_on_to_show_what_is_done(relay: Watched) -> None:
    told = GOOD.replace("[operation.*]\n    priorities: [High, Critical]", '["operation.*", "batch.*"]')
    relay.config = parse_config(told + "watchdog: {}\n", env=SECRETS, channels=CHANNELS)
    await goes_on(relay)
    root = await send(relay.store)
    await relay.passes(16 * MINUTE)

    alarm = await send(relay.store)

    assert (root.kind, root.event.name) == ("live", "batch.operation.completed")
    assert (alarm.kind, alarm.event.name, alarm.lane) == ("reply", "operation.stalled", root.lane + "/replies")
    assert alarm.thread == {"channel": "C1", "ts": "1.1"}
    told = [event.name for event in await Runs(relay.store).history(await due_name(relay))]
    assert told == ["batch.started", "batch.operation.completed"]
    assert (await Admin(relay.store).ledger()).imbalance == 0


async def due_name(relay: Watched) -> str:
    (name,) = records.members(relay.store, "watch")
    return name


async def test_an_alarm_after_its_end_is_late(relay: Watched) -> None:
    """Two processes may look at once: one is told of the end, and the other was slower."""
    await goes_on(relay)
    await relay.passes(15 * MINUTE)
    (alarm,) = relay.told
    await relay.happens(batch(relay, "batch.completed", status="Completed"))

    assert (await relay.happens(alarm)).status in ("late", "duplicate")
    assert relay.words == ["stalled silent"]


async def test_one_whose_members_are_all_over_hangs_no_more_though_its_end_is_not_told(relay: Watched) -> None:
    await relay.happens(batch(relay, "batch.started"))
    for member in MEMBERS:
        await relay.progress(50, operationId=member, batchId="b-1")
        await relay.ends(operationId=member, batchId="b-1")
    await relay.passes(HOUR)

    assert relay.words == []
