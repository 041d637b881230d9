"""What the limits of Slack and of a destination hold back, and how soon it is shown all the same."""

import random

import pytest

from relay_sandbox.standins.slack import Fault
from tests.support.flow import UPDATE, Flow
from tests.support.flow_events import event_of, outcome_of


async def test_a_throttled_edit_holds_all_edits_and_no_post_and_then_shows_the_newest(brisk: Flow) -> None:
    await brisk.tell(event_of("operation.progress", 10), wait=5)
    brisk.slack.script(UPDATE, Fault(status=429, headers={"Retry-After": "30"}))
    await brisk.send(event_of("operation.progress", 20))
    await brisk.deliver()
    throttled = brisk.clock()
    for percentage in (30, 40, 50):
        await brisk.send(event_of("operation.progress", percentage))
        await brisk.tell({"event": "operation.audited", "operation": {"operationId": f"op-{percentage}"}}, wait=2)
    posted = len(brisk.messages("#room"))
    await brisk.wait(60)

    later = [(at, arguments) for at, arguments in brisk.calls(UPDATE) if at > throttled]
    assert posted == 3
    assert [at >= throttled + 30 for at, _ in later] == [True]
    assert "50" in str(later[0][1]["blocks"])
    assert brisk.slack.violations == []
    assert (await brisk.ledger()).counts["superseded"] >= 2


@pytest.mark.soak
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
