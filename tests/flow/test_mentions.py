"""Who is mentioned: in new messages alone, and as the matrix of status and priority says."""

from collections.abc import Callable

import pytest

from relay.store import Store
from tests.support.clock import Clock
from tests.support.flow import POST, UPDATE, Flow, flowing
from tests.support.flow_events import AT_ONCE, EVENT_NAMES, OWNER, OWNER_ID, event_of, mentions_in, outcome_of
from tests.support.matrix import CELLS


@pytest.mark.parametrize(("status", "priority", "cell"), CELLS)
async def test_mentions_are_in_new_messages_alone_and_as_many_as_the_matrix_says(
    brisk: Flow, status: str, priority: str, cell: str
) -> None:
    common = {"priority": priority, "createdBy": OWNER}
    await brisk.send(event_of("operation.started", status="Initiated", **common))
    await brisk.wait(5)
    begun = len(brisk.messages())
    if status != "Initiated":
        event = event_of(EVENT_NAMES[status], 60, status=status, **common)
        await brisk.send(event, source="relay" if status == "Stalled" else "async-operations")
    await brisk.wait(30)

    posts = [arguments for _, arguments in brisk.calls(POST)]
    expected = {"o": [f"<@{OWNER_ID}>"], "g": ["<!subteam^S0DATATEAM>"]}.get(cell[-1], [])
    assert [mark for arguments in posts for mark in mentions_in(arguments)] == expected
    assert all(not mentions_in(arguments) for _, arguments in brisk.calls(UPDATE))
    assert begun == (0 if priority == "Low" else 1)
    assert len(brisk.roots()) == (0 if cell == "-" else 1)
    assert len(brisk.replies()) == (1 if cell[0] in "RB" else 0)
    assert [reply.broadcast for reply in brisk.replies()] == ([cell[0] == "B"] if cell[0] in "RB" else [])
    assert (await brisk.held()).get("low_priority", 0) == (2 if cell == "-" and status != "Initiated" else
                                                           1 if priority == "Low" else 0)  # fmt: skip


@pytest.mark.parametrize("stands", [True, False])
async def test_nobody_is_mentioned_for_a_cancel_of_his_own(
    open_store: Callable[..., Store], clock: Clock, *, stands: bool
) -> None:
    mention = "cancelled: [owner, '@data-team']"
    async with flowing(open_store, clock, live=AT_ONCE, mention=mention) as flow:
        if stands:
            await flow.send(event_of("operation.progress", 40, priority="Critical"))
            await flow.wait(5)
        by = {"cancellation": {"cancelledBy": OWNER}}
        await flow.send(outcome_of("Cancelled", priority="Critical", createdBy=OWNER) | by)
        await flow.wait(30)

        mentions = [mark for _, arguments in flow.calls(POST) for mark in mentions_in(arguments)]
        assert mentions == ["<!subteam^S0DATATEAM>"]
        assert not any("<@" in str(arguments["blocks"]) for _, arguments in flow.calls(POST))
