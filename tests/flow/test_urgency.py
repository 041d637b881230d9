"""An end that people must hear of waits for nothing less urgent: neither an edit nor another message's retry."""

from typing import Any

import pytest

from relay.channels import CHANNELS
from relay.config import parse_config
from relay.health import Health
from relay_sandbox.standins.slack import Fault, Message
from tests.support.clock import Clock
from tests.support.flow import CONFIG, POST, UPDATE, Flow
from tests.support.flow_events import event_of, mentions_in, outcome_of

SOON = 5.0  # seconds
HOUR = 3600.0


async def mentions(flow: Flow, conversation: str = "#team") -> list[str]:
    """Whom the messages that stand there mention."""
    return [name for message in flow.messages(conversation) for name in mentions_in(shown(message))]


def shown(message: Message) -> dict[str, Any]:
    return {"text": message.text, "blocks": message.blocks, "attachments": message.attachments}


async def fail_critically(flow: Flow, operation: str = "op-1") -> None:
    await flow.send(outcome_of("Failed", priority="Critical", operationId=operation))


THROTTLES = [Fault(status=429, headers={"Retry-After": str(seconds)}) for seconds in (600, 86_400)]


@pytest.mark.parametrize(
    "fault", [Fault(error="update_failed"), Fault(status=500), *THROTTLES], ids=["refused", "500", "600 s", "86400 s"]
)
async def test_the_mention_does_not_wait_for_the_edit(brisk: Flow, fault: Fault) -> None:
    await brisk.tell(event_of("operation.started", priority="Critical"), wait=2)
    brisk.slack.outages[UPDATE] = fault
    await fail_critically(brisk)

    await brisk.wait(SOON)

    assert len(await mentions(brisk)) == 1


@pytest.mark.parametrize("fault", THROTTLES, ids=["600 s", "86400 s"])
async def test_nor_for_the_throttle_of_another_runs_edit(brisk: Flow, fault: Fault) -> None:
    for name in ("op-1", "op-10"):
        await brisk.send(event_of("operation.started", priority="Critical", operationId=name))
    await brisk.wait(3)
    brisk.slack.script(UPDATE, fault)
    await brisk.tell(event_of("operation.progress", 50, operationId="op-10"), wait=2)
    await fail_critically(brisk)

    await brisk.wait(SOON)

    assert len(await mentions(brisk)) == 1
    assert brisk.slack.violations == []


async def test_with_a_message_for_each_event_it_overtakes_whatever_waits_for_its_next_try(
    brisk: Flow,
) -> None:
    rules = 'rules: [{name: rooms, events: ["operation.*"], notify: [room]}]'
    text = CONFIG.partition("rules:")[0] % (brisk.slack.base_url, "", "", "") + rules
    brisk.config = parse_config(text, env={}, channels=CHANNELS)
    brisk.slack.outages[POST] = Fault(error="request_timeout")
    await brisk.send(event_of("operation.started", priority="Critical"))
    await brisk.wait(900, step=10)
    del brisk.slack.outages[POST]
    before = len(brisk.messages("#room"))
    await brisk.tell(outcome_of("Failed", priority="Critical"), wait=SOON)

    texts = [str(shown(message)) for message in brisk.messages("#room")]
    assert before == 0
    assert len(texts) == 1
    assert "ailed" in texts[0]
    await brisk.wait(HOUR, step=20)
    assert len(brisk.messages("#room")) == 2


async def test_a_long_throttle_is_shown_and_a_reload_lifts_it(brisk: Flow, clock: Clock) -> None:
    health = Health(brisk.store, lambda: brisk.config, clock=clock)
    await health.prepare()
    await brisk.tell(event_of("operation.started"), wait=2)
    brisk.slack.script(UPDATE, Fault(status=429, headers={"Retry-After": "86400"}))
    await brisk.tell(event_of("operation.progress", 50), wait=2)
    shown = {name for name in (await health.readiness()).checks if name.startswith("channel:")}
    brisk.slack._paused_until.clear()
    await health._resume()
    await brisk.wait(SOON)
    after = {name for name in (await health.readiness()).checks if name.startswith("channel:")}

    assert len(shown) == 1
    assert after == set()
    assert len(brisk.calls(UPDATE)) == 2


async def test_after_a_long_throttle_one_delivery_asks_and_the_rest_follow_it(brisk: Flow) -> None:
    for number in range(6):
        await brisk.send(event_of("operation.started", operationId=f"op-{number}"))
    await brisk.wait(10)
    brisk.slack.script(UPDATE, *[Fault(status=429, headers={"Retry-After": "400"})] * 2)
    for number in range(6):
        await brisk.tell(event_of("operation.progress", 50, operationId=f"op-{number}"), wait=1)
    throttled = len(brisk.calls(UPDATE))
    await brisk.wait(401, step=1)
    probed = len(brisk.calls(UPDATE)) - throttled
    await brisk.wait(430, step=1)

    assert (throttled, probed) == (1, 1)
    assert len(brisk.calls(UPDATE)) == 8
    assert brisk.slack.violations == []
