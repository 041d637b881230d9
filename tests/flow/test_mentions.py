"""Who is mentioned: in new messages alone, and as the matrix of status and priority says."""

import pytest

from tests.support.flow import POST, UPDATE, Flow
from tests.support.flow_events import EVENT_NAMES, OWNER, OWNER_ID, event_of, mentions_in
from tests.support.matrix import CELLS

# One of each kind that a status has; tests/policy has all.
KINDS = {(status, cell): (status, priority, cell) for status, priority, cell in CELLS}


@pytest.mark.parametrize(("status", "priority", "cell"), KINDS.values())
async def test_mentions_are_in_new_messages_alone_and_as_many_as_the_matrix_says(
    brisk: Flow, status: str, priority: str, cell: str
) -> None:
    common = {"priority": priority, "createdBy": OWNER}
    await brisk.tell(event_of("operation.started", status="Initiated", **common), wait=5)
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
