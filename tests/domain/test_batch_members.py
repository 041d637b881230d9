"""A batch knows the names of its operations and why they failed, from the events that said so."""

import json
from typing import Any

import pytest

from relay.domain.batch_members import MOST, members_of, with_member
from relay.domain.events import Event
from relay.domain.parsing import dump, load, parse
from tests.support.events import RECEIVED


def ended(number: int, status: str, *, name: str = "", **error: Any) -> Event:
    member = {"operationId": f"op-{number}", "status": status} | ({"operationName": name} if name else {})
    body = {"event": "batch.operation.completed", "error": error, "operation": member, "batch": {"batchId": "b"}}
    return parse(body, source="s", received_at=RECEIVED)


@pytest.mark.parametrize(
    ("event", "known", "members"),
    [
        (ended(1, "Failed", message="No\nroom"), {}, {"op-1": {"cause": "No room", "failed": "Failed"}}),
        (ended(1, "Failed"), {}, {"op-1": {"failed": "Failed"}}),
        (ended(1, "Completed"), {}, {}),
        (ended(1, "Completed", name="Load"), {}, {"op-1": {"name": "Load"}}),
        (
            ended(1, "Timeout", message="late"),
            {"op-1": {"name": "Load"}},
            {"op-1": {"cause": "late", "name": "Load", "failed": "Timeout"}},
        ),
        (
            ended(1, "Failed", message="late"),
            {"op-1": {"priority": "Critical"}},
            {"op-1": {"cause": "late", "failed": "Failed", "priority": "Critical"}},
        ),
        (ended(1, "Completed"), {"op-1": {"cause": "no room", "failed": "Failed"}}, {"op-1": {}}),  # it was run again
    ],
)
def test_a_batch_remembers_what_was_said_of_its_operations(
    event: Event, known: dict[str, Any], members: dict[str, Any]
) -> None:
    assert members_of(with_member(event, json.dumps(known))) == members


def test_causes_take_the_places_of_names() -> None:
    fact = ""
    for number in range(MOST):
        fact = with_member(ended(number, "Completed", name="Load"), fact)
    assert with_member(ended(MOST, "Completed", name="Load"), fact) == fact

    members = members_of(with_member(ended(MOST, "Failed", message="late"), fact))
    assert [*members][-1] == f"op-{MOST}"
    assert (len(members), "op-0" in members) == (MOST, False)


def test_the_fact_is_short_and_is_kept_with_the_event() -> None:
    fact = ""
    for number in range(MOST + 5):
        fact = with_member(ended(number, "Failed", name="n" * 1000, message="x" * 10_000), fact)

    assert len(members_of(fact)) == MOST
    assert len(fact) < 6_000
    assert "op-24" not in members_of(fact)
    event = ended(1, "Failed")
    assert load(dump(event, {"members": fact})).members == fact
