"""Runs that have not begun: told once, withdrawn when they begin, by one of several processes and after restarts."""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from relay.engine.records import Delivery
from tests.background.runs import HOUR, MINUTE, Watched, iso
from tests.support import records
from tests.support.clock import Clock
from tests.support.queue import claim

DAY = 24 * HOUR
OFF = "silent: off, late: off, remind: off, startup_grace: 0s"
ZONE = ZoneInfo("Europe/Berlin")  # of the configuration
DAILY = 'cron: "0 6 * * *"'


def at(text: str) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()


def expecting(*schedules: str, job: str = "Sales*", off: str = OFF) -> str:
    expected = ", ".join(f'{{job: "{job}", {schedule}}}' for schedule in schedules)
    return f"{{{off}, expect: [{expected}]}}"


@pytest.fixture
async def daily(process: Callable[..., Watched], clock: Clock) -> Watched:
    """A process that expects a run at six each day, and has heard of two: it is half past six on 24 January."""
    relay = process(watchdog=expecting(DAILY), priority="Critical")
    await runs(relay, "2024-01-23 06:00", 2)
    return relay


async def runs(relay: Watched, first: str, count: int, name: str = "Sales") -> None:
    """So many, one a day, which last ten minutes; afterwards it is half past six on the day of the last."""
    for day in range(count):
        relay.clock.now = at(first) + day * DAY
        await run(relay, f"{name} {day}")
        relay.clock.advance(20 * MINUTE)
        await relay.tick()


async def run(relay: Watched, name: str, minutes: float = 10) -> None:
    stated = {"operationId": f"op {name}", "operationName": name, "startTime": iso(relay.clock())}
    await relay.progress(5, **stated)
    relay.clock.advance(minutes * MINUTE)
    await relay.ends(**stated)


async def until(relay: Watched, moment: str, *others: Watched) -> None:
    """Time passes, with ticks of all."""
    while relay.clock.now < at(moment):
        relay.clock.advance(min(15 * MINUTE, at(moment) - relay.clock.now))
        for one in (relay, *others):
            await one.tick()


async def test_a_run_that_has_not_begun_is_told_once_and_withdrawn_when_it_begins(daily: Watched) -> None:
    await until(daily, "2024-01-25 06:25")
    assert daily.words == []

    await until(daily, "2024-01-25 07:40")
    assert daily.words == ["stalled missing"]
    event = daily.told[0]
    assert event.operation
    assert (event.operation.name, event.operation.type, event.operation.priority) == (
        "Sales", "ProcessMiningAnalysis", "Critical"
    )  # fmt: skip
    assert (event.source, event.status, event.tenant, event.project) == ("relay", "Stalled", "tenant-1", "project-1")
    assert event.document["stalled"]["since"] == "2024-01-25T05:00:00+00:00"

    page = "https://github.example.com/runs/7"  # a format's own link
    await daily.progress(1, operationId="late", operationName="Sales 7", startTime=iso(daily.clock()), trackingUrl=page)
    await until(daily, "2024-01-25 09:00")
    assert daily.words == ["stalled missing", "recovered missing"]
    recovered = daily.told[1].document["recovered"]
    assert (recovered["seconds"], recovered["run"]) == (100 * MINUTE, "late")
    assert daily.told[1].operation
    assert daily.told[1].operation.document["trackingUrl"] == page
    assert records.members(daily.store, "missing") == []


@pytest.mark.parametrize(
    ("job", "known", "title"),
    [("*load*", True, "s3 load2 7"), ("s3 load2", False, "s3 load2"), ("s3 load2*", False, "s3 load2*")],
)
async def test_a_job_is_called_what_its_sender_called_it(
    process: Callable[..., Watched], clock: Clock, job: str, title: str, *, known: bool
) -> None:
    relay = process(watchdog=expecting(DAILY, job=job))
    if known:
        relay.clock.now = at("2024-01-24 06:00")
        await run(relay, "s3 load2 6")
        await run(relay, "s3 load2 7")
    relay.clock.now = at("2024-01-25 05:00")
    await relay.passes(180 * MINUTE, every=MINUTE)

    assert relay.words == ["stalled missing"]
    assert relay.told[0].operation
    assert relay.told[0].operation.name == title


async def test_the_next_one_is_missed_too_and_a_late_run_is_not_that_one(daily: Watched) -> None:
    await until(daily, "2024-01-25 08:00")
    await run(daily, "Sales 7")
    await until(daily, "2024-01-26 10:00")

    assert daily.words == ["stalled missing", "recovered missing", "stalled missing"]
    assert daily.told[0].subject == daily.told[1].subject != daily.told[2].subject


async def test_a_job_that_no_longer_runs_is_told_once_a_day_however_often_it_should(
    process: Callable[..., Watched], clock: Clock
) -> None:
    relay = process(watchdog=expecting('cron: "*/10 * * * *", grace: 1h'))
    await runs(relay, "2024-01-24 06:00", 1)
    await until(relay, "2024-01-26 05:00")
    assert relay.words == ["stalled missing"] * 3

    await run(relay, "Sales 8")
    await relay.tick()
    assert relay.words == ["stalled missing"] * 3 + ["recovered missing"] * 3


async def test_of_several_processes_one_tells_and_another_withdraws_also_after_a_restart(
    process: Callable[..., Watched], daily: Watched
) -> None:
    await run(daily, "Purchases 1")
    other = process(watchdog=expecting(DAILY), jobs_page=1)  # names are read in several steps
    await until(daily, "2024-01-25 07:00", other)
    restarted = process(watchdog=expecting(DAILY), jobs_page=1)
    await until(restarted, "2024-01-25 08:00", other)
    assert [*daily.words, *other.words, *restarted.words] == ["stalled missing"]

    await restarted.progress(1, operationId="late", operationName="Sales 7", startTime=iso(daily.clock()))
    again = process(watchdog=expecting(DAILY))
    await until(again, "2024-01-25 08:30", other)

    words = [*other.words, *again.words]
    assert (words[-1], words.count("recovered missing")) == ("recovered missing", 1)


async def test_what_was_missed_while_relay_was_away_is_told_after_its_grace_and_once(
    process: Callable[..., Watched], daily: Watched
) -> None:
    relay = process(watchdog=expecting(DAILY, off="silent: off, late: off, remind: off, startup_grace: 1h"))
    daily.clock.now = at("2024-01-27 07:30")
    await relay.passes(58 * MINUTE, every=MINUTE)
    assert relay.words == []

    await relay.passes(5 * MINUTE, every=MINUTE)
    assert relay.words == ["stalled missing"]
    assert relay.told[0].document["stalled"]["since"] == "2024-01-27T05:00:00+00:00"


async def test_an_expectation_that_a_reload_adds_knows_earlier_jobs_and_tells_no_old_story(
    process: Callable[..., Watched],
) -> None:
    relay = process(watchdog=expecting(DAILY, job="Sales*"))
    await runs(relay, "2023-12-20 06:00", 1, "Stock")
    relay.clock.now = at("2024-01-20 06:00")
    await run(relay, "Sales 1")
    await relay.tick()
    relay.config = process(watchdog=expecting('cron: "0 6 1 * *"', job="Stock *")).config
    await relay.tick()
    assert relay.words == []

    relay.clock.now = at("2024-01-20 06:40")
    relay.config = process(watchdog=expecting(DAILY, job="Stock *")).config
    await until(relay, "2024-01-20 07:00")
    assert [(event.tenant, words) for event, words in zip(relay.told, relay.words, strict=True)] == [
        ("tenant-1", "stalled missing")
    ]


async def test_it_goes_where_the_expectation_says_instead_of_by_rules(process: Callable[..., Watched]) -> None:
    relay = process(watchdog=expecting(f"{DAILY}, notify: analysts"))
    await runs(relay, "2024-01-24 06:00", 1)
    before = queued(relay)
    await until(relay, "2024-01-25 07:00")
    during = queued(relay)
    mails = [mail.event.name for mail in await claim(relay.store, "email")]
    await run(relay, "Sales 7")
    await relay.tick()

    assert relay.words == ["stalled missing", "recovered missing"]
    assert {place: count - before.get(place, 0) for place, count in during.items()} == {"slack": 0, "email": 2}
    assert mails == ["operation.stalled"] * 2


def queued(relay: Watched) -> dict[str, int]:
    channels = [delivery.channel for delivery in records.all_of(relay.store, Delivery)]
    return {name: channels.count(name) for name in ("slack", "email")}


async def test_a_job_that_nobody_has_heard_of_is_missed_where_relay_was_there(process: Callable[..., Watched]) -> None:
    relay = process(watchdog=expecting('cron: "30 7 * * *"'))
    relay.clock.now = at("2024-01-25 04:00")
    await relay.tick()
    await relay.passes(6 * 60 * MINUTE, every=MINUTE)

    assert relay.words == ["stalled missing"]
    assert relay.told[0].operation
    assert relay.told[0].operation.name == "Sales*"
    assert relay.told[0].document["stalled"]["since"] == "2024-01-25T06:30:00+00:00"


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
async def test_times_that_stand_for_none_are_no_start(daily: Watched, moment: str) -> None:
    stated = {"operationId": "never", "operationName": "Sales 9"}
    await daily.ends(**stated, startTime=moment, completionTime=moment)

    await until(daily, "2024-01-25 08:40")

    assert daily.words == ["stalled missing"]
