"""What the limits of Slack and of a destination hold back, and how soon it is shown all the same."""

import random
from collections.abc import AsyncIterator, Callable

import pytest

from relay.channels.slack.settings import NewMessageLimit
from relay.store import Store
from relay_sandbox.standins.slack import Fault
from tests.support.clock import Clock
from tests.support.flow import UPDATE, Flow, flowing
from tests.support.flow_events import AT_ONCE, event_of, outcome_of


@pytest.fixture
async def capped(open_store: Callable[..., Store], clock: Clock) -> AsyncIterator[Flow]:
    """One new message in ten minutes, above that a rolling one."""
    async with flowing(open_store, clock, live=AT_ONCE) as flow:
        slack = flow.config.channels["slack"].model_copy(
            update={"new_message_limit": NewMessageLimit(count=1, per=600)}
        )
        flow.config = flow.config.model_copy(update={"channels": {"slack": slack}})
        yield flow


async def test_a_throttled_edit_of_the_rolling_message_holds_no_post(capped: Flow) -> None:
    for number in range(2):
        await capped.send(event_of("operation.progress", 10, operationId=f"op-{number}"))
        await capped.wait(5)
    capped.slack.script(UPDATE, Fault(status=429, headers={"Retry-After": "30"}))
    await capped.send(event_of("operation.progress", 10, operationId="op-2"))
    await capped.wait(20)
    await capped.send(outcome_of("Failed", operationId="op-3", priority="Critical"))
    await capped.wait(5)

    assert [root.text.partition(":")[0] for root in capped.roots()] == ["Running", "1 more run", "Failed"]
    await capped.wait(40)
    assert capped.roots()[1].text.startswith("2 more runs")


async def test_a_throttled_edit_holds_all_edits_and_no_post_and_then_shows_the_newest(brisk: Flow) -> None:
    await brisk.send(event_of("operation.progress", 10))
    await brisk.wait(5)
    brisk.slack.script(UPDATE, Fault(status=429, headers={"Retry-After": "30"}))
    await brisk.send(event_of("operation.progress", 20))
    await brisk.deliver()
    throttled = brisk.clock()
    for percentage in (30, 40, 50):
        await brisk.send(event_of("operation.progress", percentage))
        await brisk.send({"event": "operation.audited", "operation": {"operationId": f"op-{percentage}"}})
        await brisk.wait(2)
    posted = len(brisk.messages("#room"))
    await brisk.wait(60)

    later = [(at, arguments) for at, arguments in brisk.calls(UPDATE) if at > throttled]
    assert posted == 3
    assert [at >= throttled + 30 for at, _ in later] == [True]
    assert "50" in str(later[0][1]["blocks"])
    assert brisk.slack.violations == []
    assert (await brisk.ledger()).counts["superseded"] >= 2


async def test_a_shorter_throttle_does_not_cut_a_longer_one(brisk: Flow) -> None:
    for percentage in (10, 20):
        if percentage == 20:  # both edits are under way when the first is throttled
            waits = [Fault(status=429, headers={"Retry-After": seconds}) for seconds in ("120", "5")]
            brisk.slack.script(UPDATE, *waits)
        for name in ("op-1", "op-2"):
            await brisk.send(event_of("operation.progress", percentage, operationId=name))
        await brisk.wait(0 if percentage == 20 else 5)
    throttled = brisk.clock()
    brisk.restart()
    await brisk.wait(180)

    later = [at - throttled for at, _ in brisk.calls(UPDATE)][2:]
    assert len(later) == 2
    assert min(later) >= 120


@pytest.mark.slow
async def test_sixty_runs_at_once_stay_within_the_budget_and_every_end_is_shown_within_five_seconds(
    flow: Flow,
) -> None:
    dice = random.Random(60)
    lasts = {f"op-{number}": dice.uniform(240, 840) for number in range(60)}
    begun, over = flow.clock(), {}
    for second in range(0, 900, 5):
        for name, length in lasts.items():
            if name in over or (second + int(name[3:])) % 15 >= 5:  # each tells its progress every 15 s
                continue
            if second >= length:
                over[name] = flow.clock()
                await flow.send(outcome_of("Completed", operationId=name, operationName=f"Run {name}."))
            else:
                share = 100 * second / length
                event = event_of("operation.progress", share, operationId=name, operationName=f"Run {name}.")
                await flow.send(event)
        await flow.wait(5)
    await flow.wait(60)

    edits = flow.calls(UPDATE)
    at = [moment for moment, _ in edits]
    fullest = max(sum(1 for other in at if moment <= other < moment + 60) for moment in at)
    shown = {
        name: min(moment for moment, arguments in edits if arguments["text"].startswith(f"Completed: Run {name}."))
        for name in lasts
    }
    assert fullest <= 40
    assert sum(1 for moment in at if begun + 90 <= moment < begun + 240) >= 70  # and the budget really is used up
    assert max(shown[name] - over[name] for name in lasts) <= 5
    assert len(flow.roots()) == len(flow.replies()) == 60
