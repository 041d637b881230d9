"""The call that says that all is well: once a minute, only while it is true, and with its address kept secret."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from relay import metrics
from relay.background.heartbeat import HealthSummary, Heartbeat
from relay.background.scheduler import build_self_monitoring
from relay.config import parse_config
from relay.domain.deliveries import Each
from relay.outage import Outage
from relay.store import Store
from relay.store.queries.runs import TroubleMemory
from relay_sandbox.standins.slack import Fault
from tests.background.operating import HOUR, MINUTE, Operating, operating
from tests.support.clock import Clock
from tests.support.configuration import CHANNELS, GOOD, SECRETS
from tests.support.events import body, event_of
from tests.support.patience import patience
from tests.support.platform import ScriptedPlatform, scripted_platform
from tests.support.targets import mail
from tests.support.waiting import until

SECRET = "8c1d9f27-the-secret-of-the-check"
CALL = f"GET /{SECRET}"


@pytest.fixture
async def watcher() -> AsyncIterator[ScriptedPlatform]:
    """Somebody outside who waits for the call."""
    async with scripted_platform({CALL: [(200, "")]}) as watcher:
        yield watcher


async def well() -> str:
    return ""


@pytest.fixture
def heartbeat(store: Store, watcher: ScriptedPlatform) -> Callable[..., Heartbeat]:
    """One more process on the same Redis."""

    def one(unwell: Callable[[], Awaitable[str]] = well, url: str = "") -> Heartbeat:
        config = parse_config(f"{GOOD}heartbeat: {url or f'{watcher.url}/{SECRET}'}\n", env=SECRETS, channels=CHANNELS)
        return Heartbeat(lambda: config, unwell, TroubleMemory(store).turn)

    return one


async def test_all_processes_together_call_once_a_minute(
    heartbeat: Callable[..., Heartbeat], watcher: ScriptedPlatform, clock: Clock
) -> None:
    processes = [heartbeat(), heartbeat()]
    for _ in range(10):
        for process in processes:
            await process.tick(clock())
        clock.advance(MINUTE)

    assert [f"{asked.method} {asked.path}" for asked in watcher.asked] == [CALL] * 10


async def test_there_is_no_call_while_something_is_wrong_and_the_log_says_so_once(
    heartbeat: Callable[..., Heartbeat], watcher: ScriptedPlatform, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    reasons = ["", "nothing gets out by slack", "nothing gets out by slack", ""]

    async def unwell() -> str:
        return reasons.pop(0)

    process = heartbeat(unwell)
    for _ in range(4):
        await process.tick(clock())
        clock.advance(MINUTE)

    assert len(watcher.asked) == 2
    assert capsys.readouterr().out.count("heartbeat.withheld") == 1


@pytest.mark.parametrize("status", [302, 500])
async def test_a_failure_and_its_end_are_a_line_each_without_the_address(
    heartbeat: Callable[..., Heartbeat],
    watcher: ScriptedPlatform,
    clock: Clock,
    capsys: pytest.CaptureFixture[str],
    status: int,
) -> None:
    process, watcher.answers[CALL] = heartbeat(), [(status, "", {"Location": "/moved"})]
    for _ in range(3):
        await process.tick(clock())
        clock.advance(MINUTE)
    watcher.answers[CALL] = [(200, "")]
    await process.tick(clock())
    log = capsys.readouterr().out

    assert (log.count("heartbeat.failed"), log.count("heartbeat.returned")) == (1, 1)
    assert f"HTTP {status}" in log
    assert SECRET not in log


async def test_a_heartbeat_that_hangs_holds_up_no_look(open_store: Callable[..., Store], clock: Clock) -> None:
    asked, looks = asyncio.Event(), metrics.ticks.labels("operators", "done")._value

    async def hang() -> str:
        asked.set()
        await asyncio.Event().wait()
        return ""

    more = {"operators:": f"heartbeat: https://watcher.example.com/{SECRET}\noperators:"}
    async with operating(open_store, clock, **more) as one:
        schedulers = build_self_monitoring(
            one.store, lambda: one.config, one.monitors[0], hang, clock=clock, period=0.3, outage=Outage(clock)
        )
        tasks = [asyncio.create_task(scheduler.run()) for scheduler in schedulers]
        await asyncio.wait_for(asked.wait(), patience())
        before = looks.get()
        await until(lambda: looks.get() >= before + 2)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
async def relay(open_store: Callable[..., Store], clock: Clock) -> AsyncIterator[Operating]:
    async with operating(open_store, clock) as relay:
        yield relay


def summary(relay: Operating, obstacle: str = "") -> HealthSummary:
    async def unready() -> str:
        return obstacle

    return HealthSummary(relay.store, lambda: relay.config, relay.monitors[0], unready)


async def test_it_is_well_while_it_takes_events_and_messages_get_out(relay: Operating) -> None:
    before = await summary(relay).problem()
    await relay.fails()
    await relay.passes(5 * MINUTE)

    assert before == "nothing was observed yet"
    assert await summary(relay).problem() == ""


async def test_it_is_not_well_while_a_channel_is_down_and_is_again_afterwards(relay: Operating) -> None:
    relay.slack.outages["*"] = Fault("invalid_auth")
    await relay.fails()
    await relay.passes(10 * MINUTE)
    during = await summary(relay).problem()
    relay.slack.outages.clear()
    await relay.passes(10 * MINUTE)

    assert during == "nothing gets out by slack"
    assert await summary(relay).problem() == ""


async def test_it_is_not_well_while_nobody_takes_what_is_due(relay: Operating, clock: Clock) -> None:
    await relay.store.accept(event_of(body("operation.failed", 40, status="Failed")), [mail("analysts", how=Each())])
    await relay.monitors[0].tick(clock())
    soon = await summary(relay).problem()
    clock.advance(6 * MINUTE)
    await relay.monitors[0].tick(clock())

    assert soon == ""
    assert await summary(relay).problem() == "a delivery is overdue by 360 s"


@pytest.mark.parametrize(("parts", "missing"), [(("deliver",), "receives"), (("receive",), "delivers")])
async def test_it_is_not_well_where_nobody_does_a_part_of_the_work(
    relay: Operating, clock: Clock, parts: tuple[str, ...], missing: str
) -> None:
    await relay.look()
    relay.monitors[0].parts = parts
    clock.advance(2 * MINUTE)
    await relay.look()
    soon = await summary(relay).problem()
    clock.advance(HOUR)
    await relay.look()

    assert soon == ""
    assert await summary(relay).problem() == f"no process {missing}"
