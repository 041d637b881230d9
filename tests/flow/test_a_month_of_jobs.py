"""A month of jobs, with all that may become of them: what people hear of it, and nothing else.

Two processes take the events and look after the runs in turn; one of them is started anew every week. All of it is on a
real Redis and a clock that the test moves: from Monday, 2 March 2026, over the change of the clocks on the 29th.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from relay.delivering.enrichment import JobHistory
from relay.domain.events import Event
from relay.domain.outcomes import too_quick
from relay.rendering.checks import values_of
from relay.rendering.translations import Catalogues
from relay.resources import resource_dir
from relay.store import Store
from relay.store.jobs import Jobs
from tests.support.clock import Clock
from tests.support.events import event_of
from tests.support.partitions import PARTITIONS, carried
from tests.support.runs import MINUTE, Watched

BERLIN = ZoneInfo("Europe/Berlin")
FIRST, DAYS = date(2026, 3, 2), 31
STEP = 30 * MINUTE  # between two ticks
SETTINGS = """{silent: off, flat: off, remind: off, startup_grace: 0s, expect: [
  {job: "Nightly load *", cron: "30 2 * * *"}, {job: "Report of *", by: "07:30", days: mon-fri},
  {job: "Week *", cron: "0 20 * * mon"}, {job: "Sync *", cron: "0 8-12 * * mon,tue"}]}"""
CATALOGUES = Catalogues((resource_dir("templates"),))


@dataclass(frozen=True)
class Job:
    """When its runs begin, how long they take (in turn), and what is otherwise on some days of the month."""

    name: str
    clocks: tuple[str, ...]
    weekdays: tuple[int, ...]
    minutes: tuple[float, ...]
    exceptions: dict[str, dict[str, Any]]  # by day and month: lasts (minutes), fails (why), delayed (minutes), never


WORKING, DAILY = (0, 1, 2, 3, 4), (0, 1, 2, 3, 4, 5, 6)
SAP, DISK = "SAP did not answer for {} s", "No space left on worker-{}"
JOBS = (
    Job("Nightly load {day}", ("02:30",), DAILY, (40, 42, 38, 41, 39), {
        "04.03.": {"lasts": 90},  # too little is known yet
        "16.03.": {"lasts": 125},
        "18.03.": {"lasts": 10},
        "20.03.": {"fails": SAP},
        "21.03.": {"fails": SAP},
        "22.03.": {"fails": DISK},
        "25.03.": {"delayed": 240},
    }),
    Job("Report of {day}", ("07:30",), WORKING, (12, 11, 13), {
        "11.03.": {"never": True},
        "24.03.": {"fails": DISK},
    }),
    Job("Week {week}", ("20:00",), (0,), (5,), {}),
    Job("Sync {hour}", ("08:00", "09:00", "10:00", "11:00", "12:00"), WORKING[:2], (2,), {}),
)  # fmt: skip

# What people hear, by the clocks of Berlin.
HEARD = """\
11.03. 08:00 Report of: missing
12.03. 07:30 Report of: begun 1440 min late
16.03. 04:00 Nightly load: slow
16.03. 04:35 Nightly load: slow, 3.1 times the usual
18.03. 02:40 Nightly load: too quick
20.03. 03:11 Nightly load: first failure in 19 runs
21.03. 03:09 Nightly load: failure 2 in a row since 20.03., 1 of the same cause before
22.03. 03:10 Nightly load: failure 3 in a row since 20.03.
23.03. 03:12 Nightly load: works again after 3
24.03. 07:42 Report of: first failure in 16 runs
25.03. 03:00 Nightly load: missing
25.03. 06:30 Nightly load: begun 240 min late
25.03. 07:41 Report of: works again after 1
"""


@dataclass(frozen=True)
class Happening:
    """An event of a run, and when it is sent."""

    at: float
    event: str
    body: dict[str, Any]


def happenings(job: Job) -> Iterator[Happening]:
    """All that the platform tells of a job in this month."""
    count = 0
    for day in (FIRST + timedelta(days=number) for number in range(DAYS)):
        for clock in job.clocks if day.weekday() in job.weekdays else ():
            otherwise = job.exceptions.get(f"{day:%d.%m.}", {})
            if otherwise.get("never"):
                continue
            begun = datetime.combine(day, time.fromisoformat(clock), BERLIN).timestamp()
            begun += otherwise.get("delayed", 0) * MINUTE
            over = begun + otherwise.get("lasts", job.minutes[count % len(job.minutes)]) * MINUTE
            count += 1
            operation = {
                "operationId": f"{job.name}-{count}", "operationType": "Load", "priority": "High", "progress": {
                    "startTime": _iso(begun), "percentage": 0},
                "operationName": job.name.format(day=day.isoformat(), week=f"{day:%V}", hour=clock),
            }  # fmt: skip
            yield Happening(begun, "operation.started", {"operation": operation | {"status": "Initiated"}})
            why = otherwise.get("fails")
            ending = {"error": {"code": "X", "message": why.format(count)}} if why else {}
            status = {"status": "Failed" if why else "Completed"}
            name = "operation.failed" if why else "operation.completed"
            yield Happening(over, name, {"operation": operation | status, **ending})


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, BERLIN).isoformat()


class Month:
    """Two processes, and what people hear from them."""

    def __init__(self, open_process: Callable[[], Watched], clock: Clock) -> None:
        self._open = open_process
        self._clock = clock
        self._processes = [open_process(), open_process()]
        self._heard: list[tuple[float, str]] = []

    async def lives(self) -> None:
        events = sorted((one for job in JOBS for one in happenings(job)), key=lambda one: one.at)
        end = datetime.combine(FIRST + timedelta(days=DAYS), time(), BERLIN).timestamp()
        turn = 0
        while self._clock.now < end:
            tick = self._clock.now + STEP
            while events and events[0].at <= tick:
                await self._happens(events.pop(0))
            self._clock.now = tick
            turn += 1
            if turn % (7 * 48) == 0:
                self._processes[0] = self._open()
            process = self._processes[turn % 2]
            heard = len(process.told)
            await process.tick()
            for event in process.told[heard:]:
                self._heard.append((tick, alarm_of(event)))

    async def _happens(self, happening: Happening) -> None:
        self._clock.now = happening.at
        event = event_of(happening.body | {"event": happening.event, "timestamp": _iso(happening.at)})
        taker, teller = self._processes if int(happening.at) % 2 else reversed(self._processes)
        await taker.happens(event)
        await carried(taker.store)
        past = JobHistory(Jobs(teller.store), clock=self._clock)
        if event.terminal and (words := outcome_of(await past.of(event, ()))):
            self._heard.append((happening.at, words))

    @property
    def transcript(self) -> list[str]:
        return [f"{datetime.fromtimestamp(at, BERLIN):%d.%m. %H:%M} {words}" for at, words in self._heard]


def alarm_of(event: Event) -> str:
    part = event.document[event.name.removeprefix("operation.")]
    title = event.operation.name.split(" 2026")[0] if event.operation else ""
    if event.name == "operation.recovered":
        return f"{title}: begun {part['seconds'] / 60:.0f} min late"
    return f"{title}: {part['rule']}"


def outcome_of(event: Event) -> str:
    """What is remarkable about an outcome, by what its message may say."""
    values = values_of(event, (event,), CATALOGUES)
    job, title = values["job"], values["op"]["name"].split(" 2026")[0]
    if too_quick(event.past, values["op"]["duration"], 50):
        return f"{title}: too quick"
    if job["verdict"] == "slow":
        return f"{title}: slow, {job['ratio']:.1f} times the usual"
    if job["streak"] == 1:
        return f"{title}: first failure in {job['runs_since_failure'] + 1} runs"
    if job["streak"]:
        since = datetime.fromisoformat(job["streak_since"]).astimezone(BERLIN)
        cause = f", {job['same_error']} of the same cause before" if job["same_error"] else ""
        return f"{title}: failure {job['streak']} in a row since {since:%d.%m.}{cause}"
    return f"{title}: works again after {job['recovered_after']}" if job["recovered_after"] else ""


@pytest.mark.soak
@pytest.mark.parametrize("partitions", [1, PARTITIONS])
async def test_people_hear_of_what_is_not_as_usual_and_of_nothing_else(
    open_store: Callable[..., Store], clock: Clock, partitions: int
) -> None:
    clock.now = datetime.combine(FIRST, time(), BERLIN).timestamp()
    await open_store(partitions=partitions).prepare()
    month = Month(lambda: Watched(open_store(partitions=partitions), clock, watchdog=SETTINGS), clock)

    await month.lives()

    assert month.transcript == HEARD.splitlines()
