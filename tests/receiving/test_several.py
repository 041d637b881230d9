"""Several events in one body: one answer, and none costs another."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import ANY

import pytest

from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.domain.identity import fingerprint
from relay.errors import StoreUnavailable
from relay.formats.compiling import compile_format
from relay.receiving.reading import SourceReader
from relay.receiving.sources import Source
from tests.support.front import assert_problem, receiving, signed

FORM = {"each": "$body", "run": "item.id", "status": {"of": "item.state", "Running": "run", "ignore": "idle"}}
GOOD, OTHER, IDLE, BAD = ({"id": name, "state": state} for name, state in
                          (("a", "run"), ("b", "run"), ("c", "idle"), ("d", "melted")))  # fmt: skip
TAKEN, IGNORED = ({"status": "accepted", "eventId": ANY, "deliveries": 2},
                  {"status": "ignored", "reason": "a status that says nothing of a run"})  # fmt: skip
DETAIL = 'the format list, case 1, finds nothing that fits; no row has the word "melted"'


def sources(scheme: str = "hmac-sha256") -> dict[str, Source]:
    source = Source.model_validate(signed(scheme, format="list", max_age="off"))
    source.read_with(compile_format(FORM))
    return {"ops": source}


@pytest.mark.parametrize(("body", "status", "expected"), [
    ([GOOD], 202, TAKEN), ([IDLE], 202, IGNORED),
    ([GOOD, OTHER], 202, {"status": "accepted", "events": [TAKEN, TAKEN]}),
    ([IDLE, GOOD], 202, {"status": "accepted", "events": [IGNORED, TAKEN]}),
    ([IDLE, IDLE], 202, {"status": "ignored", "events": [IGNORED, IGNORED]}),
    ([GOOD, BAD], 202, {"status": "accepted", "quarantine": "quarantine-1",
                        "events": [TAKEN, {"status": "invalid", "field": "status", "detail": DETAIL}]}),
])  # fmt: skip
async def test_the_answer_says_what_came_of_each(body: list[Any], status: int, expected: dict[str, Any]) -> None:
    async with receiving(sources=sources()) as front:
        reply = await front.sender().post(body)

    assert (reply.status, reply.document) == (status, expected)
    assert [event.own_id for event in front.events] == [item["id"] for item in body if item["state"] == "run"]
    assert [kept[3] for kept in front.quarantined] == ([f"event 2 of 2: status: {DETAIL}"] if BAD in body else [])


async def test_where_nothing_is_taken_and_something_is_wrong_the_body_is_refused() -> None:
    async with receiving(sources=sources()) as front:
        reply = await front.sender().post([IDLE, BAD, BAD])

    assert_problem(reply, 422)
    assert reply.document["detail"] == f"event 2 of 3: status: {DETAIL}; and 1 more"
    assert reply.document["quarantine"] == "quarantine-1"


async def test_after_a_503_in_the_middle_the_body_comes_again_and_each_event_has_its_id_of_before() -> None:
    events: list[Event] = []

    async def ingest(event: Event, **_reach: Any) -> Accepted:
        if len(events) == 1:
            events.append(event)
            raise StoreUnavailable("Redis did not answer in 2 s")
        events.append(event)
        return Accepted("duplicate" if len(events) == 3 else "accepted", deliveries=1)

    async with receiving(sources=sources("standard-webhooks"), ingest=ingest) as front:
        sender = front.sender(scheme="standard-webhooks")
        replies = [await sender.post([GOOD, OTHER], delivery_id="msg-1") for _ in range(2)]

    assert [reply.status for reply in replies] == [503, 202]
    assert [row["status"] for row in replies[1].document["events"]] == ["duplicate", "accepted"]
    assert [event.id for event in events] == ["msg-1/0", "msg-1/1"] * 2


def test_a_body_that_states_no_time_is_the_same_fact_when_it_is_sent_again_without_an_id() -> None:
    reader = SourceReader("ops", sources()["ops"], compile_format(FORM))
    then = datetime(2026, 11, 22, tzinfo=UTC)
    first, again, later, other = (
        [fingerprint(event) for event in reader.events(body, received_at=at) if isinstance(event, Event)]
        for body, at in ((b'[{"id": 1, "state": "run"}, {"id": 2, "state": "run"}]', then),
                         (b'[{"id": 1, "state": "run"}, {"id": 2, "state": "run"}]', then + timedelta(seconds=9)),
                         (b'[{"id": 1, "state": "run"}, {"id": 2, "state": "run"}]', then + timedelta(minutes=11)),
                         (b'[{"id": 1, "state": "run", "step": 2}]', then))
    )  # fmt: skip

    assert first == again
    assert not {*first} & {*later}
    assert other[0] not in first
