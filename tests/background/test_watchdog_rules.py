"""What the watchdog finds: alarms, reminders and recoveries over hours of a run."""

import pytest

from relay.config import parse_config
from relay.engine.records import Operation
from relay.store.queries.admin import Admin
from relay.store.queries.runs import Runs
from tests.background.runs import HOUR, MINUTE, Watched, iso
from tests.support import records
from tests.support.configuration import CHANNELS, GOOD, SECRETS
from tests.support.queue import claim, send_all


async def test_a_silent_run_is_told_once_and_its_recovery_with_the_time_it_took(relay: Watched) -> None:
    await relay.reports(40)
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


async def test_a_flat_run_says_the_same_over_and_over(relay: Watched) -> None:
    await relay.progress(68)
    for _ in range(14):
        await relay.passes(2 * MINUTE)
        assert (await relay.progress(68)).status == "duplicate"
    assert relay.words == []
    await relay.passes(2 * MINUTE)

    assert relay.words == ["stalled silent progress"]
    part = relay.told[0].document["stalled"]
    assert (part["percentage"], part["seconds"]) == (68, 30 * MINUTE)

    await relay.progress(69)
    await relay.passes(MINUTE)
    assert relay.words == ["stalled silent progress", "recovered silent progress"]


async def test_an_estimate_that_slides_along_does_not_hide_that_the_run_is_overdue(relay: Watched) -> None:
    begun = relay.clock()
    for minute in range(0, 78, 6):  # planned for an hour, and always about to be done in another one
        await relay.progress(minute / 2, startTime=iso(begun), estimatedCompletion=iso(begun + HOUR + minute * MINUTE))
        await relay.passes(6 * MINUTE)

    assert relay.words == ["stalled late estimate"]
    part = relay.told[0].document["stalled"]
    assert part["firstEstimate"] == iso(begun + HOUR)
    assert part["estimateMoved"] == 11
    assert 12 * MINUTE <= part["seconds"] <= 13 * MINUTE


async def test_an_end_ends_everything(relay: Watched) -> None:
    await relay.reports(40)
    await relay.passes(16 * MINUTE)
    await relay.happens(relay.event("operation.failed", 40, status="Timeout"))
    await relay.passes(20 * HOUR, every=10 * MINUTE)

    assert relay.words == ["stalled silent"]
    assert (await Runs(relay.store).tick(0)).stalled == 0
    assert records.members(relay.store, "watch") == []


async def test_a_gap_in_which_relay_was_away_is_no_rhythm(relay: Watched) -> None:
    for percentage in range(1, 3):
        await relay.progress(percentage)
        await relay.passes(MINUTE)
    relay.clock.advance(6 * HOUR)
    await relay.tick()
    for percentage in range(3, 5):
        await relay.progress(percentage)
        await relay.passes(MINUTE)

    (operation,) = records.all_of(relay.store, Operation)
    assert operation.gaps == [60000, 60000]


async def ten_runs(relay: Watched, minutes: float = 20) -> None:
    """Of one job, each of which took so long."""
    for number in range(10):
        start = {"operationId": f"run-{number}", "startTime": iso(relay.clock() - minutes * MINUTE)}
        await relay.ends(**start, operationName=f"Sales {number}")


async def test_a_run_that_takes_half_as_long_again_as_any_of_its_job_is_late_until_it_ends(relay: Watched) -> None:
    await ten_runs(relay)
    run = {"operationId": "op-1", "operationName": "Sales 11", "startTime": iso(relay.clock())}
    for minute in range(29):
        await relay.progress(minute, **run)
        await relay.passes(MINUTE)
    assert relay.words == []

    for minute in range(29, 32):
        await relay.progress(minute, **run)
        await relay.passes(MINUTE)
    assert relay.words == ["stalled late history"]
    assert relay.told[0].document["stalled"]["since"] == iso(relay.clock() - 2 * MINUTE)

    await relay.ends(**run)
    await relay.passes(HOUR, every=MINUTE)
    assert relay.words == ["stalled late history"]


MAILED = GOOD.replace("events: [operation.failed]", "events: [operation.stalled]")  # its end is in no rule


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("goes on", ["operation.stalled", "operation.recovered"]),
        ("operation.completed", ["operation.stalled", "operation.completed"]),
        ("operation.cancelled", ["operation.stalled", "operation.cancelled"]),
    ],
)
async def test_who_got_the_alarm_by_mail_gets_its_end(relay: Watched, end: str, expected: list[str]) -> None:
    relay.config = parse_config(MAILED, env=SECRETS, channels=CHANNELS)
    await relay.reports(40)
    await relay.passes(16 * MINUTE)
    alarms = await send_all(relay.store, relay.clock, "email")
    if end == "goes on":
        await relay.progress(41)
        await relay.tick()
    else:
        await relay.happens(relay.event(end, 41, status=end.partition(".")[2].capitalize()))
    told = alarms + await send_all(relay.store, relay.clock, "email")

    assert [mail.event.name for mail in told if mail.address == "lead@example.com"] == expected
    assert (await Admin(relay.store).ledger()).imbalance == 0


async def test_who_got_no_alarm_by_mail_gets_no_end_of_it(relay: Watched) -> None:
    relay.config = parse_config(MAILED, env=SECRETS, channels=CHANNELS)
    await relay.reports(40)
    await relay.ends()
    await relay.passes(HOUR, every=MINUTE)

    assert await claim(relay.store, "email") == []


async def test_a_sender_of_start_and_end_alone_calls_nobody_also_where_its_job_takes_long(relay: Watched) -> None:
    """So do cron jobs, dbt, Airbyte, Fivetran and Databricks."""
    for number in range(13):
        run = {"operationId": f"run-{number}", "operationName": "Nightly", "startTime": iso(relay.clock())}
        await relay.happens(relay.event("operation.started", None, **run))
        await relay.passes(40 * MINUTE, every=MINUTE)
        await relay.ends(**run)
    await relay.happens(relay.event("operation.started", None, operationName="Nightly", startTime=iso(relay.clock())))
    await relay.passes(59 * MINUTE, every=MINUTE)
    assert relay.words == []

    await relay.passes(MINUTE)
    assert relay.words == ["stalled late history"]
