"""Nothing is silent without a reason: what is not sent is counted, and `relay explain` has a sentence for it."""

from relay.operating.sentences import WHY, sentence_of
from relay.operating.timeline import NOTED, facts_of
from tests.support.flow import Flow
from tests.support.flow_events import batch_event, event_of


async def test_everything_that_is_not_sent_is_counted_and_explained(flow: Flow) -> None:
    await flow.send(event_of("operation.progress", 10))
    await flow.wait(61)
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
