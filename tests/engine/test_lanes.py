"""Lanes: order, one under way, and replies beside the message."""

from relay.engine.deliveries import requeue
from relay.engine.lanes import LISTED, queued
from relay.engine.parking import park
from relay.engine.records import MAIN, Delivery, Thread
from tests.engine.lab import LANE, NOW, Lab


def test_only_the_first_of_a_queue_is_due() -> None:
    lab = Lab()
    lab.new("1")
    lab.new("2", due=NOW - 5)
    assert lab.due() == ["1"]

    lab.end("1")

    assert lab.due() == ["2"]


def test_the_queue_of_a_storm_keeps_its_order() -> None:
    lab = Lab()
    names = [f"{i}" for i in range(100)]
    for name in names:
        lab.new(name)
        lab.commit()
    assert queued(lab.d, LANE, MAIN) == names
    assert len(lab.d.edit(Thread, LANE).queues[MAIN]) == LISTED
    lab.end("50")

    ended = []
    while lab.due():
        ended += lab.due()
        lab.end(lab.due()[0])
        lab.commit()

    assert ended == [name for name in names if name != "50"]
    assert lab.memory.records == {}
    assert not any(lab.memory.indexes[name].scores for name in lab.memory.indexes if name.startswith("behind:"))


def test_a_reply_waits_for_the_message_that_it_stands_under() -> None:
    lab = Lab()
    lab.new("root", "live", seq=3)
    lab.new("reply", "reply", seq=3, due=NOW + 3000)
    assert lab.due() == ["root"]

    lab.take("root")
    lab.d.edit(Thread, LANE).posted = NOW
    lab.end("root")

    assert lab.due() == ["reply"]
    assert lab.edit("reply").due == NOW  # the root says as much: nothing to wait for


def test_a_reply_that_says_more_than_the_message_keeps_its_time() -> None:
    lab = Lab()
    lab.new("root", "live", seq=3)
    lab.new("reply", "reply", seq=4, due=NOW + 3000)

    lab.end("root")

    assert lab.edit("reply").due == NOW + 3000


def test_an_edit_does_not_keep_a_reply() -> None:
    lab = Lab()
    lab.d.edit(Thread, LANE).posted = NOW
    lab.new("edit", "live", due=NOW + 60_000)

    lab.new("reply", "reply")

    assert lab.due() == ["reply", "edit"]


def test_what_is_urgent_overtakes_a_long_wait() -> None:
    lab = Lab()
    lab.new("1", event="operation.stalled", due=NOW + 60_000)
    lab.new("2")

    lab.new("3", urgency="1")

    assert lab.due("1") == ["3"]
    assert queued(lab.d, LANE, MAIN) == ["3", "1", "2"]


def test_overtaking_changes_nothing_beneath_its_draft() -> None:
    lab = Lab()
    lab.new("1", event="operation.progress")
    lab.new("2", urgency="1")
    lab.take("1")
    lab.commit()

    requeue(lab.d, lab.edit("1"), NOW + 60_000)

    kept = lab.memory.record(Thread, LANE)
    assert kept
    assert (kept.queues[MAIN], queued(lab.d, LANE, MAIN)) == (["1", "2"], ["2", "1"])


def test_a_newer_live_delivery_inherits_what_the_older_one_went_through() -> None:
    lab = Lab()
    lab.new("old", "live")
    lab.take("old")
    lab.new("new", "live")
    old = lab.edit("old")
    old.attempts, old.unknowns, old.faults, old.failing = 3, 2, 2, NOW - 9

    requeue(lab.d, old, NOW + 4000)

    new = lab.edit("new")
    assert (new.attempts, new.unknowns, new.faults, new.failing, new.due) == (3, 2, 2, NOW - 9, NOW + 4000)
    assert lab.d.get(Delivery, "old") is None
    assert lab.due() == ["new"]
    assert lab.d.changes.counts == {"accepted": 2, "pending": 1, "superseded": 1}


def test_an_outcome_does_not_wait_for_the_back_off_of_progress() -> None:
    lab = Lab()
    lab.new("progress", "live")
    lab.take("progress")
    lab.new("outcome", "live", urgency="1")

    requeue(lab.d, lab.edit("progress"), NOW + 4000)

    assert lab.edit("outcome").due == NOW


def test_what_is_parked_for_a_channel_or_a_destination_fails_since_then() -> None:
    lab = Lab()
    lab.new("failed before", failing=NOW - 5)

    park(lab.d, lab.edit("failed before"), "channel:slack", NOW, NOW + 60_000)
    for scope in ("channel:slack", "destination:team/#team", "limit:posts"):
        park(lab.d, lab.new(scope), scope, NOW, NOW + 60_000)

    assert [x.failing for x in lab.deliveries()] == [NOW - 5, NOW, NOW, 0]
