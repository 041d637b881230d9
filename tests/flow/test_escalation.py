"""A critical failure that nobody takes is escalated; one that is taken is not, and its message says by whom."""

from datetime import UTC, datetime

import pytest

from relay.channels import CHANNELS
from relay.domain.links import Person
from relay.interactivity.buttons import TAKE, Button, action_requested, action_targets
from relay_sandbox.standins.slack import Message
from tests.support.flow import POST, Flow
from tests.support.flow_events import event_of, mentions_in, outcome_of

pytestmark = pytest.mark.parametrize("more", ["escalate: [{after: 15m, to: room}, {after: 30m, to: team}]"])
ERROR = {"error": {"code": "E17", "message": "the source did not answer"}}


async def fail(flow: Flow, **stated: object) -> None:
    await flow.tell(outcome_of("Failed", priority="Critical", **stated) | ERROR, wait=10)


async def press(flow: Flow) -> None:
    button = Button(TAKE, "op-1", "op-1", 0, "team", "#team", 0.0)
    now = datetime.fromtimestamp(flow.clock(), UTC)
    event = action_requested(button, "anna", Person("U0ANALYST1", "Anna"), now, "U0ANALYST1 1")
    await flow.intake.ingest(event, action_targets(event, flow.config, CHANNELS))
    await flow.wait(10)


def shown(message: Message) -> str:
    return f"{message.text} {message.blocks}".replace("\xa0", " ").replace("\\xa0", " ")


async def test_a_failure_that_nobody_takes_reaches_each_step_once(brisk: Flow) -> None:
    await fail(brisk)
    await brisk.wait(880, step=10)
    assert brisk.messages("#room") == []

    brisk.restart()
    await brisk.wait(3600, step=10)

    [message] = brisk.messages("#room")
    assert shown(message).startswith("CRITICAL, unclaimed 15 min: ")
    assert "the source did not answer" in shown(message)
    [reply] = brisk.replies()
    assert "Unclaimed for 30 min" in shown(reply)
    assert reply.broadcast
    assert mentions_in(brisk.calls(POST)[-1][1]) == ["<!subteam^S0DATATEAM>"]
    assert (await brisk.ledger()).imbalance == 0


async def test_one_that_is_taken_says_so_and_is_not_escalated(brisk: Flow) -> None:
    await fail(brisk)
    await press(brisk)
    await brisk.wait(3600, step=10)

    [root] = brisk.roots()
    assert "👀 <@U0ANALYST1> is looking at it." in shown(root)
    assert [reply.text for reply in brisk.replies()] == ["@anna is looking at it."]
    assert brisk.messages("#room") == []
    story = await brisk.admin.timeline("op-1")
    assert story
    assert {"escalates", "taken", "superseded"} <= {what for _, what, *_ in story.log}
    assert (await brisk.ledger()).imbalance == 0


async def test_one_whose_run_begins_anew_is_not_escalated_until_that_fails(brisk: Flow) -> None:
    await fail(brisk)
    await brisk.tell(event_of("operation.started", priority="Critical", retryNumber=1), wait=1800)
    assert brisk.messages("#room") == []

    await fail(brisk, retryNumber=1)
    await brisk.wait(900, step=10)
    assert len(brisk.messages("#room")) == 1


async def test_one_that_is_not_critical_is_not_escalated(brisk: Flow) -> None:
    await brisk.tell(outcome_of("Failed", priority="High") | ERROR, wait=10)
    await brisk.wait(3600, step=30)

    assert brisk.messages("#room") == []
