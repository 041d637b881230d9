"""The watchdog's own life: restarts, two instances, outages, clocks that are set back, rows that are damaged."""

import asyncio
import json
from collections.abc import Callable

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from relay.engine.records import STALLED, Operation
from relay.store.journal.cache import Sorted
from relay.store.queries.admin import Admin
from tests.background.runs import HOUR, MINUTE, Watched
from tests.support import records


async def test_a_clock_that_was_set_back_puts_no_alarm_off(relay: Watched) -> None:
    await relay.reports(40)
    relay.store.take_set_back()
    relay.clock.advance(-6 * HOUR)
    relay.store.take_set_back()

    await relay.passes(16 * MINUTE)

    assert relay.words == ["stalled silent"]


@pytest.mark.parametrize("damage", [
    "{",
    '{"open": {"silent": {"at": "noon"}}}',
    '{"newer": 1, "open": {"silent": {"at": 1705749600, "since": 1705749600, "x": 2}}}',
    '{"open": {"stuck": {"at": 1, "since": 1}}, "episode": 1}',
])  # fmt: skip
async def test_an_alarm_that_is_damaged_or_of_a_newer_relay_costs_no_run_its_watch(relay: Watched, damage: str) -> None:
    for name in ("op-1", "op-2"):
        await relay.reports(40, operationId=name)
    first, _ = records.all_of(relay.store, Operation)
    first.alarms = damage

    await relay.passes(2 * HOUR, every=MINUTE)

    told = [event.subject for event in relay.told if event.name == "operation.stalled"]
    assert {"op-1", "op-2"} <= {*told}


async def test_a_run_that_is_silent_for_29_days_is_told_a_last_time(process: Callable[..., Watched]) -> None:
    relay = process(watchdog="{startup_grace: 0s}")  # the ticks of this test are hours apart
    await relay.reports(40)
    await relay.passes(24 * HOUR, every=HOUR)
    await relay.passes(30 * 24 * HOUR, every=6 * HOUR)

    assert relay.words == ["stalled silent", "stalled silent 1", "stalled silent 2", "stalled silent 3",
                           "stalled silent 4 last"]  # fmt: skip
    assert relay.told[-1].document["stalled"]["seconds"] == pytest.approx(29 * 24 * HOUR, abs=6 * HOUR)
    assert records.members(relay.store, "watch") == []


async def test_what_leaves_with_an_alarm_and_no_word_is_logged_and_counted(relay: Watched) -> None:
    await relay.reports(40)
    await relay.passes(16 * MINUTE)
    for operation in records.all_of(relay.store, Operation):
        del relay.store.shared.memory.records[operation.key]
    before = REGISTRY.get_sample_value("relay_runs_left_stalled_total") or 0.0
    relay.clock.advance(31 * 24 * HOUR)

    with capture_logs() as lines:
        await relay.passes(2 * MINUTE)

    assert [line["runs"] for line in lines if line["event"] == "watchdog.left_stalled"] == [1]
    assert REGISTRY.get_sample_value("relay_runs_left_stalled_total") == before + 1
    assert records.members(relay.store, "watch") + records.members(relay.store, "stalled") == []


async def test_a_restart_neither_forgets_nor_repeats(relay: Watched, process: Callable[..., Watched]) -> None:
    await relay.reports(40)
    await relay.passes(16 * MINUTE)

    second = process()
    await second.passes(31 * MINUTE)
    await second.progress(41)
    third = process()
    await third.passes(MINUTE)

    assert relay.words == ["stalled silent"]
    assert second.words == ["stalled silent 1"]
    assert third.words == ["recovered silent"]


async def test_two_instances_tell_once(relay: Watched, process: Callable[..., Watched]) -> None:
    other = process()
    await relay.reports(40)
    for _ in range(46 * 2):
        relay.clock.advance(30)
        await asyncio.gather(relay.tick(), other.tick())

    assert len(relay.told + other.told) == 2
    assert (await Admin(relay.store).ledger()).counts["events"] == 5


async def test_one_run_that_cannot_be_told_costs_the_others_nothing(relay: Watched) -> None:
    await relay.reports(40, operationId="odd")
    await relay.reports(40, operationId="even")
    relay.refuses = "odd"
    await relay.passes(16 * MINUTE)
    assert [event.subject for event in relay.told] == ["even"]

    relay.refuses = ""
    await relay.passes(MINUTE)
    assert [event.subject for event in relay.told] == ["even", "odd"]


async def test_an_open_alarm_of_the_release_before_goes_on_until_its_end(relay: Watched) -> None:
    await relay.progress(40)
    (operation,) = records.all_of(relay.store, Operation)
    since = relay.clock()
    flat = {"at": since, "since": since, "reminders": 0, "last": False}
    operation.alarms = json.dumps({"open": {"flat": flat}, "episode": 1, "ended": {}, "resumed": 0.0})
    relay.store.shared.memory.indexes[STALLED] = Sorted([(operation.name, round(since * 1000))])

    await relay.passes(29 * MINUTE)
    assert relay.words == []  # neither raised again nor over
    await relay.passes(2 * MINUTE)
    assert relay.words == ["stalled silent progress 1"]
    await relay.progress(41)
    await relay.passes(MINUTE)
    assert relay.words[1:] == ["recovered silent progress"]
