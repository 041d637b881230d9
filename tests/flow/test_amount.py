"""How much of a run a conversation in Slack sees, and that nothing is silent without a reason."""

from datetime import UTC, datetime

import pytest

from relay.operating.sentences import WHY, sentence_of
from relay.operating.timeline import NOTED, facts_of
from tests.support.flow import POST, UPDATE, Flow
from tests.support.flow_events import OWNER, batch_event, event_of, outcome_of

PHASES = ("Load", "Discovery", "Conformance", "Enhancement", "Report")


async def run(flow: Flow, *, hours: float = 1.0) -> None:
    """360 events of one run: its start, its end, the ends of its phases, and progress every ten seconds."""
    steps = 360 - 2 - len(PHASES) + 1
    await flow.send(event_of("operation.started", 0, phase=PHASES[0], status="Initiated"))
    for number in range(1, steps + 1):
        await flow.wait(hours * 3600 / 360, step=2.0)
        share = number / (steps + 1)
        phase = PHASES[int(share * len(PHASES))]
        if phase != (before := PHASES[int((number - 1) / (steps + 1) * len(PHASES))]):
            finished = {"phase": {"phaseName": before, "status": "Completed"}}
            await flow.send(event_of("operation.phase.completed", round(100 * share, 1), phase=before) | finished)
        estimate = datetime.fromtimestamp(flow.clock() + 3600 * (1 - share) + number % 7, UTC).isoformat()
        progress = event_of("operation.progress", round(100 * share, 1), phase=phase, status="Running")
        progress["operation"]["progress"]["estimatedCompletion"] = estimate
        await flow.send(progress)
    await flow.tell(outcome_of("Completed"), wait=10)


@pytest.mark.slow
async def test_a_run_of_360_events_is_one_message_at_most_25_edits_and_one_reply(flow: Flow) -> None:
    await run(flow)

    posts, edits = flow.calls(POST), flow.calls(UPDATE)
    assert (await flow.ledger()).counts["received"] == 360
    assert [bool(arguments.get("thread_ts")) for _, arguments in posts] == [False, True]
    assert 10 <= len(edits) <= 25
    assert all(arguments["blocks"] and arguments["parse"] == "none" for _, arguments in edits)
    assert {arguments["channel"] for _, arguments in edits} == {flow.messages()[0].channel}
    assert flow.messages()[0].channel.startswith("C")
    assert "Completed" in flow.messages()[0].text
    assert flow.slack.violations == []


@pytest.mark.parametrize(("status", "seconds"), [("Completed", 0), ("Failed", 30), ("Timeout", 59), ("Cancelled", 59)])
async def test_a_run_shorter_than_the_hold_is_exactly_one_message(flow: Flow, status: str, seconds: int) -> None:
    await flow.tell(event_of("operation.started", status="Initiated", priority="High"), wait=seconds)
    before = len(flow.messages())
    await flow.send(outcome_of(status, priority="High", createdBy=OWNER))
    await flow.wait(300, step=20)

    assert before == 0
    assert len(flow.messages()) == 1
    assert flow.calls(UPDATE) == []


@pytest.mark.parametrize("status", ["Completed", "Failed", "Timeout", "Cancelled"])
async def test_what_comes_after_the_end_changes_nothing(brisk: Flow, status: str) -> None:
    await brisk.tell(event_of("operation.progress", 40), outcome_of(status), wait=5)
    calls = len(brisk.slack.calls)
    answer = await brisk.send(event_of("operation.progress", 80, status="Running"))
    await brisk.wait(120, step=20)

    assert answer.status == "late"
    assert len(brisk.slack.calls) == calls


async def test_everything_that_is_not_sent_is_counted_and_explained(flow: Flow) -> None:
    await flow.tell(event_of("operation.progress", 10), wait=61)
    small = await flow.send(event_of("operation.progress", 11))  # increment
    await flow.send(event_of("operation.started", operationId="op-low", priority="Low"))
    await flow.send(batch_event("batch.started"))
    await flow.send(event_of("operation.progress", 10, operationId="op-7", batchId="batch-1"))
    await flow.send({"event": "operation.paused", "operation": {"operationId": "op-1"}})  # no rule names it
    await flow.send(event_of("operation.progress", 20))
    await flow.send(event_of("operation.progress", 30))  # replaces the one before
    late = await flow.send(event_of("operation.progress", 15))

    counts = (await flow.ledger()).counts
    held = await flow.held()
    assert held == {"increment": 1, "low_priority": 1, "batch": 1, "no_rule": 1}
    assert (small.held, late.status) == ((("team", "increment"),), "late")
    assert counts["accepted"] == sum(held.values()) + counts["pending"] + counts["delivered"] + counts["superseded"]
    assert counts["late"] == 1
    sentences: list[str] = []
    for name in ("op-1", "op-low", "op-7"):
        timeline = await flow.admin.timeline(name)
        assert timeline is not None
        sentences += [sentence_of(line) for line in facts_of(timeline)["timeline"] if line["what"] in NOTED]
    for reason in held:
        assert f"held: {WHY['held'][reason]}" in sentences
    assert any("came late" in sentence for sentence in sentences)
