"""A batch knows why its operations failed, from the events that said so."""

from typing import Any

import pytest

from relay.domain.events import Event
from relay.domain.member_errors import MOST, member_causes, with_member_error
from relay.domain.parsing import dump, load, parse
from tests.support.events import RECEIVED


def ended(number: int, status: str, **error: Any) -> Event:
    body = {"event": "batch.operation.completed", "batch": {"batchId": "b"}, "error": error,
            "operation": {"operationId": f"op-{number}", "status": status}}  # fmt: skip
    return parse(body, source="s", received_at=RECEIVED)


@pytest.mark.parametrize(
    ("event", "known", "causes"),
    [
        (ended(1, "Failed", message="No\nroom"), "", {"op-1": "No room"}),
        (ended(1, "Failed"), "", {}),
        (ended(1, "Completed"), "", {}),
        (ended(2, "Timeout", message="late"), '{"op-1": "no room"}', {"op-1": "no room", "op-2": "late"}),
        (ended(1, "Completed"), '{"op-1": "no room"}', {"op-1": ""}),  # it was run again
    ],
)
def test_a_batch_remembers_the_causes_of_its_operations(event: Event, known: str, causes: dict[str, str]) -> None:
    assert member_causes(with_member_error(event, known)) == causes


def test_the_fact_is_short_and_is_kept_with_the_event() -> None:
    fact = ""
    for number in range(MOST + 5):
        fact = with_member_error(ended(number, "Failed", message="x" * 10_000), fact)

    assert len(member_causes(fact)) == MOST
    assert len(fact) < 3_000
    event = ended(1, "Failed")
    assert load(dump(event, {"member_errors": fact})).member_errors == fact
