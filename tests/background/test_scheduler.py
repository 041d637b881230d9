"""The watchdog at work: alarms, reminders and recoveries over hours of a run, restarts and two instances included."""

import asyncio
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession

from relay.background.scheduler import Scheduler
from relay.config import parse_config
from relay.errors import StoreUnavailable
from relay.health import Health
from relay.store import Store
from relay.store.admin import Admin
from relay.store.keys import TICKS, operation
from relay.store.runs import Runs
from tests.support import events
from tests.support.clock import Clock
from tests.support.configuration import CHANNELS, GOOD, SECRETS
from tests.support.events import body
from tests.support.redis_server import RedisServer
from tests.support.runs import HOUR, MINUTE, Watched, iso
from tests.support.stage import CONFIG, Stage, running, surroundings


@pytest.fixture
def process(open_store: Callable[..., Store], clock: Clock) -> Callable[..., Watched]:
    """One more process on the same Redis."""
    return lambda **settings: Watched(open_store(), clock, **settings)


@pytest.fixture
async def relay(process: Callable[..., Watched], clock: Clock) -> Watched:
    """A process whose grace after the first start is over."""
    one = process()
    await one.tick()
    await one.passes(11 * MINUTE, every=MINUTE)
    return one


async def test_a_silent_run_is_told_once_and_its_recovery_with_the_time_it_took(relay: Watched) -> None:
    await relay.progress(40)
    await relay.passes(14.5 * MINUTE)
    assert relay.words == []

    await relay.passes(MINUTE)
    assert relay.words == ["stalled silent"]
    stalled = relay.told[0]
    assert (stalled.status, stalled.source, stalled.percentage) == ("Stalled", "relay", 40)
    assert stalled.operation
    assert stalled.operation.name == "Comprehensive Customer Journey Analysis"
    assert (stalled.operation.type, stalled.operation.priority) == ("ProcessMiningAnalysis", "High")
    assert (stalled.tenant, stalled.project) == ("tenant-1", "project-1")

    await relay.passes(7.5 * MINUTE)
    await relay.progress(41)
    await relay.passes(MINUTE)

    assert relay.words == ["stalled silent", "recovered silent"]
    assert relay.told[1].document["recovered"]["seconds"] == 23 * MINUTE
    assert relay.told[1].status == "Running"


async def test_a_clock_that_was_set_back_puts_no_alarm_off(relay: Watched) -> None:
    await relay.progress(40)
    await relay.store.pulse()
    relay.clock.advance(-6 * HOUR)
    await relay.store.pulse()

    await relay.passes(16 * MINUTE)

    assert relay.words == ["stalled silent"]


async def test_nor_does_the_grace_that_began_by_the_wrong_time(process: Callable[..., Watched], clock: Clock) -> None:
    relay = process()
    await relay.tick()  # its grace begins
    await relay.progress(40)
    await relay.store.pulse()
    clock.advance(-6 * HOUR)
    await relay.store.pulse()

    await relay.passes(27 * MINUTE, every=MINUTE)

    assert relay.words == ["stalled silent"]


async def test_nor_is_what_came_in_before_and_after_it_no_rhythm(relay: Watched) -> None:
    """relay was back from its last absence by the wrong time."""
    await relay.store.pulse()
    relay.clock.advance(-6 * HOUR)
    await relay.store.pulse()
    for percentage in range(10, 50, 10):
        await relay.progress(percentage)
        await relay.passes(10 * MINUTE, every=MINUTE)

    await relay.passes(10 * MINUTE, every=MINUTE)
    assert relay.words == []
    await relay.passes(12 * MINUTE, every=MINUTE)
    assert relay.words == ["stalled silent"]


async def test_reminders_come_after_half_an_hour_two_and_twelve_hours_and_then_none(relay: Watched) -> None:
    await relay.progress(40)

    await relay.passes(16 * MINUTE)
    await relay.passes(28 * MINUTE)
    assert relay.words == ["stalled silent"]
    await relay.passes(3 * MINUTE)
    assert relay.words[1:] == ["stalled silent 1"]
    await relay.passes(2 * HOUR)
    assert relay.words[2:] == ["stalled silent 2"]
    await relay.passes(14 * HOUR, every=MINUTE)
    assert relay.words[3:] == ["stalled silent 3"]
    await relay.passes(48 * HOUR, every=10 * MINUTE)
    assert len(relay.words) == 4


async def test_a_slow_reporter_is_silent_only_after_three_of_its_usual_gaps(relay: Watched) -> None:
    for percentage in range(10, 60, 10):
        await relay.progress(percentage)
        await relay.passes(14 * MINUTE)
    assert relay.words == []

    await relay.passes(27 * MINUTE)
    assert relay.words == []
    await relay.passes(2 * MINUTE)
    assert relay.words == ["stalled silent"]


async def test_a_flat_run_says_the_same_over_and_over(relay: Watched) -> None:
    await relay.progress(68)
    for _ in range(14):
        await relay.passes(2 * MINUTE)
        assert (await relay.progress(68)).status == "duplicate"
    assert relay.words == []
    await relay.passes(2 * MINUTE)

    assert relay.words == ["stalled flat"]
    part = relay.told[0].document["stalled"]
    assert (part["percentage"], part["seconds"]) == (68, 30 * MINUTE)

    await relay.progress(69)
    await relay.passes(MINUTE)
    assert relay.words == ["stalled flat", "recovered flat"]


async def test_a_phase_that_moves_is_not_flat(relay: Watched) -> None:
    for number in range(20):
        await relay.progress(68, phase=f"Phase {number}")
        await relay.passes(3 * MINUTE)

    assert relay.words == []


async def test_a_run_without_percentages_is_never_flat(relay: Watched) -> None:
    for number in range(20):
        await relay.progress(None, resourceUsage={"cpu": number})
        await relay.passes(3 * MINUTE)

    assert relay.words == []


async def test_an_older_percentage_is_a_sign_of_life_but_no_move(relay: Watched) -> None:
    await relay.progress(68)
    for percentage in range(50, 61):
        await relay.passes(3 * MINUTE)
        assert (await relay.progress(percentage)).status == "late"

    assert relay.words == ["stalled flat"]


async def test_an_estimate_that_slides_along_does_not_hide_that_the_run_is_overdue(relay: Watched) -> None:
    begun = relay.clock()
    for minute in range(0, 78, 6):  # planned for an hour, and always about to be done in another one
        await relay.progress(minute / 2, startTime=iso(begun), estimatedCompletion=iso(begun + HOUR + minute * MINUTE))
        await relay.passes(6 * MINUTE)

    assert relay.words == ["stalled overdue"]
    part = relay.told[0].document["stalled"]
    assert part["firstEstimate"] == iso(begun + HOUR)
    assert part["estimateMoved"] == 11
    assert 12 * MINUTE <= part["seconds"] <= 13 * MINUTE


async def test_a_run_past_its_deadline_without_a_timeout_is_told_and_a_new_deadline_recovers_it(relay: Watched) -> None:
    begun = relay.clock()
    for minute in range(0, 45, 3):
        await relay.progress(minute, timeoutAt=iso(begun + 40 * MINUTE))
        await relay.passes(3 * MINUTE)
    assert relay.words == ["stalled deadline"]

    await relay.progress(60, timeoutAt=iso(begun + 2 * HOUR))
    await relay.passes(MINUTE)
    assert relay.words == ["stalled deadline", "recovered deadline"]


async def test_what_is_found_at_once_is_told_once_by_the_gravest(relay: Watched) -> None:
    begun = relay.clock()
    await relay.progress(40, startTime=iso(begun), estimatedCompletion=iso(begun + 60), timeoutAt=iso(begun + 120))
    relay.clock.advance(20 * MINUTE)  # away: all of it falls due in the grace
    await relay.passes(12 * MINUTE)

    assert relay.words == ["stalled deadline"]


@pytest.mark.parametrize("end", ["operation.completed", "operation.failed", "operation.cancelled"])
async def test_an_end_ends_everything(relay: Watched, end: str) -> None:
    await relay.progress(40)
    await relay.passes(16 * MINUTE)
    status = {"operation.completed": "Completed", "operation.failed": "Timeout", "operation.cancelled": "Cancelled"}[
        end
    ]
    await relay.happens(relay.event(end, 40, status=status))
    await relay.passes(20 * HOUR, every=10 * MINUTE)

    assert relay.words == ["stalled silent"]
    assert (await Runs(relay.store).tick(0)).stalled == 0
    assert await relay.store.redis.zcard("{relay}:watch") == 0


async def test_a_retry_starts_afresh(relay: Watched) -> None:
    await relay.progress(40)
    await relay.passes(16 * MINUTE)
    await relay.happens(relay.event("operation.failed", 40, status="Failed"))
    await relay.started(retryNumber=1)
    await relay.passes(14 * MINUTE)
    assert relay.words == ["stalled silent"]

    await relay.passes(2 * MINUTE)
    assert relay.words == ["stalled silent", "stalled silent"]
    assert [event.retry for event in relay.told] == [0, 1]


async def test_a_run_that_comes_and_goes_is_told_four_times_and_then_no_more(relay: Watched) -> None:
    for percentage in range(1, 21):  # its usual gap is a minute
        await relay.progress(percentage)
        await relay.passes(16 * MINUTE if percentage > 14 else MINUTE)

    assert relay.words == ["stalled silent", "recovered silent"] * 3 + ["stalled silent", "recovered silent flapping"]
    assert (await Runs(relay.store).tick(0)).stalled == 0


async def test_a_run_that_comes_and_goes_and_then_dies_is_told_past_its_deadline_and_after_a_much_longer_silence(
    relay: Watched,
) -> None:
    deadline = iso(relay.clock() + 4 * HOUR)
    for percentage in range(1, 19):  # its usual gap is a minute
        await relay.progress(percentage, timeoutAt=deadline)
        await relay.passes(16 * MINUTE if percentage > 14 else MINUTE)
    await relay.progress(20, timeoutAt=deadline)  # the last sign of life
    await relay.passes(MINUTE)
    flapping = len(relay.told)
    assert relay.words[-1] == "recovered silent flapping"

    await relay.passes(3 * HOUR, every=MINUTE)

    assert [word for word in relay.words[flapping:] if word != "stalled silent 1"] == [
        "stalled silent",
        "stalled deadline",
    ]
    died = next(event for event in relay.told[flapping:] if event.document["stalled"]["rule"] == "silent")
    assert died.document["stalled"]["seconds"] == pytest.approx(4 * 16 * MINUTE, abs=2 * MINUTE)


async def test_what_waited_long_in_a_queue_and_died_after_its_first_progress_is_told_in_a_quarter_of_an_hour(
    relay: Watched,
) -> None:
    await relay.started()
    await relay.passes(2 * HOUR, every=MINUTE)
    told = len(relay.told)
    await relay.progress(1)
    await relay.passes(17 * MINUTE, every=MINUTE)

    assert relay.words[told:] == ["recovered silent", "stalled silent"]


async def test_a_gap_in_which_relay_was_away_is_no_rhythm(relay: Watched) -> None:
    for percentage in range(1, 3):
        await relay.progress(percentage)
        await relay.passes(MINUTE)
    relay.clock.advance(6 * HOUR)
    await relay.tick()
    for percentage in range(3, 5):
        await relay.progress(percentage)
        await relay.passes(MINUTE)

    gaps = await relay.store.redis.hget("{relay}:operation:" + operation(events.progress(1).subject), "watch:gaps")
    assert gaps == b"60000 60000"


@pytest.mark.parametrize(
    "damage",
    ["{", '{"open": {"silent": {"at": "noon"}}}', '{"newer": 1, "open": {"silent": {"at": 1, "since": 1, "x": 2}}}'],
)
async def test_an_alarm_that_is_damaged_or_of_a_newer_relay_costs_no_run_its_watch(relay: Watched, damage: str) -> None:
    for name in ("op-1", "op-2"):
        await relay.progress(40, operationId=name)
    await relay.store.redis.hset("{relay}:operation:" + operation("op-1"), "watch:alarms", damage)

    await relay.passes(2 * HOUR, every=MINUTE)

    told = [event.subject for event in relay.told if event.name == "operation.stalled"]
    assert {"op-1", "op-2"} <= {*told}


async def test_a_row_that_is_damaged_beyond_its_alarms_costs_that_run_alone(relay: Watched) -> None:
    for name in ("op-1", "op-2"):
        await relay.progress(40, operationId=name)
    await relay.store.redis.hset("{relay}:operation:" + operation("op-1"), "watch:gaps", "none at all")

    await relay.passes(20 * MINUTE, every=MINUTE)

    assert [event.subject for event in relay.told] == ["op-2"]


async def test_a_run_that_is_silent_for_29_days_is_told_a_last_time(process: Callable[..., Watched]) -> None:
    relay = process(watchdog="{startup_grace: 0s}")  # the ticks of this test are an hour apart
    await relay.progress(40)
    await relay.passes(31 * 24 * HOUR, every=HOUR)

    assert relay.words == ["stalled silent", "stalled silent 1", "stalled silent 2", "stalled silent 3",
                           "stalled silent 4 last"]  # fmt: skip
    assert relay.told[-1].document["stalled"]["seconds"] == pytest.approx(29 * 24 * HOUR, abs=HOUR)
    assert await relay.store.redis.zcard("{relay}:watch") == 0


async def test_a_silence_that_ends_leaves_the_other_alarm_standing(relay: Watched) -> None:
    begun = relay.clock()
    await relay.progress(40, startTime=iso(begun), estimatedCompletion=iso(begun + MINUTE))
    await relay.passes(16 * MINUTE)
    assert relay.words == ["stalled overdue", "stalled silent"]

    await relay.progress(41)
    await relay.passes(MINUTE)
    assert relay.words[2:] == ["recovered silent"]
    assert relay.told[2].document["stalled"]["rule"] == "overdue"


async def test_a_restart_neither_forgets_nor_repeats(relay: Watched, process: Callable[..., Watched]) -> None:
    await relay.progress(40)
    await relay.passes(16 * MINUTE)

    second = process()
    await second.passes(31 * MINUTE)
    await second.progress(41)
    third = process()
    await third.passes(MINUTE)

    assert relay.words == ["stalled silent"]
    assert second.words == ["stalled silent 1"]
    assert third.words == ["recovered silent"]


async def test_after_relay_was_away_nothing_is_found_wrong_for_ten_minutes(
    relay: Watched, process: Callable[..., Watched]
) -> None:
    await relay.progress(40)
    relay.clock.advance(3 * HOUR)

    second = process()
    await second.tick()
    await second.passes(9 * MINUTE)
    assert second.words == []
    await second.passes(2 * MINUTE)
    assert second.words == ["stalled silent"]


async def test_a_run_that_speaks_within_the_grace_is_not_told(relay: Watched) -> None:
    await relay.progress(40)
    relay.clock.advance(3 * HOUR)
    await relay.tick()
    await relay.progress(41)
    await relay.passes(14 * MINUTE)

    assert relay.words == []


async def test_two_instances_tell_once(relay: Watched, process: Callable[..., Watched]) -> None:
    other = process()
    await relay.progress(40)
    for _ in range(46 * 2):
        relay.clock.advance(30)
        await asyncio.gather(relay.tick(), other.tick())

    assert len(relay.told + other.told) == 2
    assert (await Admin(relay.store).ledger()).counts["events"] == 3


@pytest.mark.slow
async def test_a_thousand_runs_are_watched_in_pages(relay: Watched) -> None:
    await asyncio.gather(*(relay.progress(40, operationId=f"op-{number}") for number in range(1000)))
    await relay.passes(16 * MINUTE, every=MINUTE)

    assert len(relay.words) == 1000
    assert (await Runs(relay.store).tick(0)).stalled == 1000


async def test_off_is_off_but_the_pulse_goes_on(process: Callable[..., Watched], clock: Clock) -> None:
    relay = process(watchdog="off")
    await relay.progress(40)
    await relay.passes(2 * HOUR, every=MINUTE)

    assert relay.words == []
    assert await Runs(relay.store).last_tick() == clock()


async def test_a_rule_that_is_off_does_not_bark(process: Callable[..., Watched], clock: Clock) -> None:
    relay = process(watchdog="{silent: off}")
    await relay.progress(40)
    await relay.passes(2 * HOUR, every=MINUTE)

    assert relay.words == []


async def test_a_tick_that_fails_costs_the_others_nothing_and_is_tried_again(clock: Clock) -> None:
    ticked: list[float] = []

    async def fails(now: float) -> None:
        if not ticked:
            raise StoreUnavailable("Redis: away")

    async def works(now: float) -> None:
        ticked.append(now)

    scheduler = Scheduler({"fails": fails, "works": works}, clock=clock)
    await scheduler.tick()
    clock.advance(30)
    await scheduler.tick()

    assert ticked == [clock() - 30, clock()]


async def test_readyz_says_which_tick_failed_last_until_it_is_done_again(store: Store, clock: Clock) -> None:
    faults: list[Exception] = [TypeError("of a stranger's document")]

    async def tick(_now: float) -> None:
        if faults:
            raise faults[0]

    health = Health(store, lambda: parse_config(GOOD, env=SECRETS, channels=CHANNELS), clock=clock)
    await health.prepare()
    scheduler = Scheduler({"watchdog": tick}, clock=clock, report=Runs(store).report_tick)
    await scheduler.tick()
    await store.redis.hset(TICKS, "failed:watchdog", f"{await store.time() - 12:.0f} {await fault_of(store)}")

    failed = await health.readiness()
    faults.clear()
    await scheduler.tick()
    done = await health.readiness()

    assert failed.ready
    assert re.fullmatch(
        r"failed 1[23] s ago: TypeError at relay/background/scheduler\.py:\d+", failed.checks["tick:watchdog"]
    )
    assert "tick:watchdog" not in done.checks


async def fault_of(store: Store) -> str:
    ((_, fault),) = (await Runs(store).failed_ticks()).values()
    return fault


async def test_an_outage_of_redis_is_survived_and_followed_by_a_grace(clock: Clock) -> None:
    with RedisServer(appendonly="yes", appendfsync="always") as server:
        store = Store.open(server.url, worker="w", clock=clock)
        relay = Watched(store, clock)
        await relay.tick()
        await relay.progress(40)
        await relay.passes(14 * MINUTE)
        server.stop()
        await relay.passes(3 * MINUTE)
        server.start()
        await relay.passes(10 * MINUTE)
        assert relay.words == []
        await relay.passes(MINUTE)
        assert relay.words == ["stalled silent"]
        await store.aclose()


async def test_one_run_that_cannot_be_told_costs_the_others_nothing(relay: Watched) -> None:
    await relay.progress(40, operationId="odd")
    await relay.progress(40, operationId="even")
    relay.refuses = "odd"
    await relay.passes(16 * MINUTE)
    assert [event.subject for event in relay.told] == ["even"]

    relay.refuses = ""
    await relay.passes(MINUTE)
    assert [event.subject for event in relay.told] == ["even", "odd"]


@pytest.mark.slow
async def test_a_silent_run_turns_orange_in_slack_and_blue_again_when_it_moves(
    redis_server: RedisServer, tmp_path: Path
) -> None:
    config = tmp_path / "relay.yaml"
    config.write_text(CONFIG.read_text("utf-8") + "\nwatchdog: {silent: 1s, startup_grace: 0s}\n", "utf-8")

    def event(percentage: float) -> dict[str, Any]:
        return body("operation.progress", percentage, timeoutAt=None) | {"tenantId": "live", "timestamp": None}

    async with surroundings(redis_server.url) as around, running(around, config, period=0.1) as relay:
        stage = Stage(around, relay)
        sent = event(40)
        del sent["operation"]["progress"]["estimatedCompletion"]  # of 2024, so it would be overdue as well
        await stage.post(sent)
        messages = await around.messages("#team", lambda found: len(found) == 2)
        assert "🔵" in json.dumps(messages[0].revisions[0], ensure_ascii=False)
        await around.messages("#team", lambda found: "🟠" in str(found[0].blocks))
        assert messages[1].thread_ts == messages[0].ts

        again = event(41)
        del again["operation"]["progress"]["estimatedCompletion"]
        await stage.post(again)
        messages = await around.messages("#team", lambda found: "🔵" in str(found[0].blocks))

        assert "41" in str(messages[0].blocks)
        messages = await around.messages("#team", lambda found: len(found) == 3)  # and it is told where the alarm was
        assert [message.thread_ts for message in messages] == ["", messages[0].ts, messages[0].ts]
        async with ClientSession() as session, session.get(f"{stage.url}/readyz") as response:
            assert "scheduler" not in (await response.json())["checks"]
