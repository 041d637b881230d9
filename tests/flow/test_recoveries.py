"""What the watchdog finds, in Slack: recoveries where alarms arrived, and messages of runs that have not begun."""

from collections.abc import AsyncIterator, Callable

import pytest

from relay.background.watchdog import WatchdogTick
from relay.channels import CHANNELS
from relay.domain.jobs import Job, Start
from relay.policy.missing import Missing, alarm, recovery
from relay.policy.silences import Silence, Then
from relay.store import Store
from relay.store.queries.silences import SilenceList
from tests.support.clock import Clock
from tests.support.flow import Flow, flowing
from tests.support.flow_events import event_of, outcome_of

MINUTE = 60.0


class Run:
    """One whose message stands, and the watchdog that looks at it."""

    def __init__(self, flow: Flow, priority: str = "High") -> None:
        self.flow, self.priority = flow, priority
        self.watchdog = WatchdogTick(flow.store, flow.intake.ingest, lambda: flow.config, CHANNELS)

    async def begins(self) -> None:
        await self.watchdog.tick(0)
        await self.is_silent(11)  # the grace after the start is over
        for percentage in (8, 9, 10):  # a rhythm
            await self.is_silent(1)
            await self.goes_on(percentage)
        await self.flow.wait(2 * MINUTE, step=30)
        assert len(self.flow.roots()) == 1

    async def goes_on(self, percentage: float) -> None:
        await self.flow.send(event_of("operation.progress", percentage, priority=self.priority))
        await self.watchdog.tick(0)

    async def is_silent(self, minutes: int) -> None:
        for _ in range(minutes):
            self.flow.clock.advance(MINUTE)
            await self.watchdog.tick(0)

    @property
    def replies(self) -> list[str]:
        return [reply.text for reply in self.flow.replies()]


@pytest.fixture
async def run(open_store: Callable[..., Store], clock: Clock) -> AsyncIterator[Run]:
    async with flowing(open_store, clock) as flow:
        run = Run(flow)
        await run.begins()
        yield run


async def test_none_follows_an_alarm_that_was_outdated_before_it_was_sent(run: Run) -> None:
    await run.is_silent(16)
    await run.goes_on(20)
    await run.flow.wait(2 * MINUTE, step=10)

    assert run.replies == []
    assert (await run.flow.ledger()).imbalance == 0


async def test_one_follows_an_alarm_that_arrived_though_its_reminder_did_not(run: Run) -> None:
    await run.is_silent(16)
    await run.flow.wait(MINUTE, step=10)
    await run.is_silent(31)
    await run.goes_on(20)
    await run.flow.wait(2 * MINUTE, step=10)

    assert run.replies == [
        "Order-to-Cash: no events for 15\xa0min, 10%.",
        "Running again: Order-to-Cash – after 50\xa0min without events.",
    ]


GOES_ON = "Running again: Order-to-Cash – after 52\xa0min without events."


@pytest.mark.parametrize(
    ("minutes", "end", "replies"),
    [
        (16, "progress", []),  # an edit showed it, and another one shows its end
        (46, "progress", ["Order-to-Cash: no events for 45\xa0min, 10%.", GOES_ON]),
        (46, "Cancelled", ["Order-to-Cash: no events for 45\xa0min, 10%.", "Cancelled: Order-to-Cash – 60%."]),
        (46, "Completed", ["Order-to-Cash: no events for 45\xa0min, 10%.", "Completed: Order-to-Cash"]),
    ],
)
async def test_of_normal_priority_the_conversation_sees_the_end_of_the_alarm_that_it_saw(
    open_store: Callable[..., Store], clock: Clock, minutes: int, end: str, replies: list[str]
) -> None:
    async with flowing(open_store, clock) as flow:
        run = Run(flow, "Normal")
        await run.begins()
        await run.is_silent(minutes)
        await flow.wait(4 * MINUTE, step=10)
        await (run.goes_on(20) if end == "progress" else flow.send(outcome_of(end)))
        await flow.wait(2 * MINUTE, step=10)

        assert run.replies == replies
        assert {reply.thread_ts for reply in flow.replies()} <= {flow.roots()[0].ts}
        if end == "progress":
            await flow.tell(outcome_of("Completed"), wait=10)
            assert len(run.replies) == len(replies) + 1


@pytest.mark.parametrize(
    ("then", "replies"),
    [("summary", ["Running again: Order-to-Cash – after 28\xa0min without events."]), ("nothing", [])],
)
async def test_after_a_silence_one_follows_an_alarm_that_its_summary_listed(
    run: Run, then: Then, replies: list[str]
) -> None:
    now = run.flow.clock()
    silence = Silence("s-1", "olga", "maintenance", now, now + 20 * MINUTE, now, then)
    await SilenceList(run.flow.store).add(silence)

    await run.is_silent(16)
    await run.flow.wait(10 * MINUTE, step=MINUTE)
    await run.goes_on(20)
    await run.flow.wait(2 * MINUTE, step=10)

    assert len(run.flow.roots()) == (2 if then == "summary" else 1)
    assert run.replies == replies


JOB = Job("", "tenant-1", "project-1", "ReportGeneration", "Sales #")
DAY = 86_400.0


def missing(flow: Flow, priority: str, days: int = 0) -> Missing:
    """Half an hour ago it should have begun."""
    since = flow.clock() - 1800 + days * DAY
    return Missing(JOB, since, since - DAY, flow.clock(), priority)


@pytest.mark.parametrize(
    ("priority", "name"),
    [("Normal", "Sales"), ("High", "Sales"), ("Critical", "Sales, critical")],
)
async def test_it_is_told_in_a_message_of_its_own_and_made_true(flow: Flow, priority: str, name: str) -> None:
    late = missing(flow, priority)
    await flow.intake.ingest(alarm(late, flow.clock()))
    await flow.intake.ingest(alarm(late, flow.clock()))
    await flow.wait(2)
    (message,) = flow.roots()
    assert message.text.startswith(f"{name}: did not start at ")
    assert message.text.endswith(" <!subteam^S0DATATEAM>") == (priority == "Critical")
    assert "View run" not in str(message.blocks)

    await flow.intake.ingest(recovery(late, Start(flow.clock(), "op-7"), flow.clock()))
    await flow.wait(90)
    (message,) = flow.roots()
    assert message.text.startswith("Started late: Sales – 30\xa0min later than expected")
    assert (await flow.ledger()).imbalance == 0
