"""When a run should have begun, also where the clocks change; and what one that has not begun is called."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from relay.domain.jobs import Job
from relay.policy.missing import Missing, alarm
from relay.policy.watchdog_settings import Expectation

BERLIN = ZoneInfo("Europe/Berlin")


def expectation(**schedule: Any) -> Expectation:
    return Expectation.model_validate({"job": "Sales*", **schedule})


def clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, BERLIN).isoformat(timespec="minutes")


@pytest.mark.parametrize(
    ("cron", "now", "last", "after"),
    [
        ("0 2 * * mon-fri", "2024-03-04T02:00", "2024-03-04T02:00+01:00", "2024-03-03T02:00+01:00"),  # a day at most
        ("0 2 * * mon-fri", "2024-03-04T01:59:59", "2024-03-01T02:00+01:00", "2024-02-29T14:00+01:00"),
        ("0 2 1 * *", "2024-03-31T00:00", "2024-03-01T02:00+01:00", "2024-02-29T02:00+01:00"),
        ("*/15 * * * *", "2024-03-04T02:14", "2024-03-04T02:00+01:00", "2024-03-04T01:52+01:00"),
        # 31 March has no 02:30, which is 03:00 then.
        ("30 2 * * *", "2024-03-31T12:00", "2024-03-31T03:00+02:00", "2024-03-30T14:15+01:00"),
        ("0 * * * *", "2024-03-31T03:10", "2024-03-31T03:00+02:00", "2024-03-31T01:30+01:00"),
        # 27 October has 02:30 twice: a daily job runs at the first, an hourly one at both.
        ("30 2 * * *", "2024-10-27T12:00", "2024-10-27T02:30+02:00", "2024-10-26T14:30+02:00"),
        ("30 2 * * *", "2024-10-28T12:00", "2024-10-28T02:30+01:00", "2024-10-27T14:00+01:00"),
        ("0 * * * *", "2024-10-27T03:00+01:00", "2024-10-27T03:00+01:00", "2024-10-27T02:30+01:00"),
        ("0 * * * *", "2024-10-27T02:59+01:00", "2024-10-27T02:00+01:00", "2024-10-27T02:30+02:00"),
    ],
)
def test_the_last_time_and_what_counts_for_it(cron: str, now: str, last: str, after: str) -> None:
    moment = datetime.fromisoformat(now)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=BERLIN)

    since, counts = expectation(cron=cron, timezone="Europe/Berlin").latest(moment.timestamp(), "UTC")

    assert (clock(since), clock(counts)) == (last, after)


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"cron": "0 0 2 * * *"}, "expected a cron expression"),
        ({"cron": "0 25 * * *"}, "expected a cron expression"),
        ({"cron": "0 0 31 2 *"}, "expected a cron expression"),
        ({"cron": "@daily"}, "expected five fields"),
    ],
)
def test_what_is_no_schedule_is_refused(schedule: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        expectation(**schedule)


@pytest.mark.parametrize(
    ("name", "kind", "expected", "title"),
    [
        ("Sales #", "Load", "", "Sales"),
        ("load#", "Load", "", "load#"),
        ("oracle#c Q# EMEA #", "Load", "", "oracle#c Q# EMEA"),
        ("#", "Load", "", "Load"),
        ("#", "", "2024-*", "2024-*"),
        ("#", "", "", "acme #"),
        ("# #", "", "", "acme # #"),
    ],
)
def test_a_job_of_numbers_alone_has_a_title(name: str, kind: str, expected: str, title: str) -> None:
    missing = Missing(Job("", "", "acme", kind, name), since=1_705_732_200, after=0, expectation=expected)

    event = alarm(missing, 1_705_734_000)

    assert event.operation is not None
    assert event.operation.name == title
