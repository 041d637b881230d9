"""What a sender sees: every row of the table of answers, over a real server."""

from typing import Any

import pytest

from relay.domain.deliveries import Accepted
from relay.domain.events import Event
from relay.receiving.sources import Source
from tests.support.events import body
from tests.support.front import Front, assert_problem, count, receiving, signed
from tests.support.sender import SECRET


@pytest.mark.parametrize(
    ("status", "code", "more"), [("accepted", 202, {"deliveries": 2}), ("duplicate", 200, {}), ("late", 200, {})]
)
async def test_what_is_new_is_accepted_once_it_is_durable_and_the_rest_answered_with_200(
    status: Any, code: int, more: dict[str, int]
) -> None:
    async def ingest(_event: Event) -> Accepted:
        return Accepted(status, deliveries=2)

    async with receiving(ingest=ingest) as front:
        reply = await front.sender().post(body() | {"eventId": "evt-1"})

    assert (reply.status, reply.document) == (code, {"status": status, "eventId": "evt-1", **more})


async def test_a_missing_a_wrong_and_an_old_signature_get_the_same_answer(front: Front) -> None:
    sender = front.sender("standard")

    replies = [
        await sender.post(body(), signed=False),
        await sender.post(body(), secret="another-secret-altogether"),
        await sender.post(body(), tamper=lambda sent: sent + b" "),
        await sender.post(body(), age=301),
        await sender.post(body(), age=-301),
        await sender.post(body(), twice=True),
    ]

    assert_problem(replies[0], 401)
    assert replies[0].headers["www-authenticate"] == "Signature"
    assert {(reply.status, reply.body) for reply in replies} == {(401, replies[0].body)}
    assert front.events == []


async def test_both_secrets_are_valid_during_a_rotation_and_their_use_is_counted() -> None:
    secrets = {"next": "the-secret-of-next-month", "old": SECRET}
    before = {name: count("signatures_verified", source="rotating", secret=name) for name in secrets}

    async with receiving(sources={"rotating": {"signature": {"secrets": secrets}}}) as front:
        sender = front.sender("rotating")
        replies = [await sender.post(body(), secret=secret) for secret in (SECRET, SECRET, secrets["next"])]

    used = {name: count("signatures_verified", source="rotating", secret=name) - before[name] for name in secrets}
    assert [reply.status for reply in replies] == [202, 202, 202]
    assert used == {"next": 1, "old": 2}


async def test_whatever_is_asked_for_errors_are_problems_and_events_come_with_post_alone(front: Front) -> None:
    sender = front.sender()
    missing, wrong = [await sender.exchange(f"{line} HTTP/1.1\r\nHost: relay\r\n\r\n".encode())
                      for line in ("GET /favicon.ico", "POST /healthz")]  # fmt: skip
    others = [await sender.post(body(), method=method) for method in ("GET", "PUT", "PATCH", "DELETE", "OPTIONS")]

    assert [reply.status for reply in (missing, wrong, *others)] == [404] + [405] * 6
    assert {reply.headers["content-type"] for reply in (missing, wrong, *others)} == {"application/problem+json"}
    assert [reply.headers["allow"] for reply in (wrong, *others)] == ["GET,HEAD"] + ["POST"] * 5


async def test_over_its_rate_limit_a_source_is_told_when_to_come_back(front: Front) -> None:
    sender = front.sender("limited")  # 2 in 10 s

    replies = [await sender.post(body()) for _ in range(3)]

    assert [reply.status for reply in replies] == [202, 202, 429]
    assert_problem(replies[2], 429)
    assert replies[2].headers["retry-after"] == "5"


async def test_a_clock_that_was_set_back_does_not_shut_a_source_out(front: Front) -> None:
    sender = front.sender("limited")
    await sender.post(body())

    front.clock.advance(-3600)
    statuses = [(await sender.post(body())).status for _ in range(3)]

    assert statuses == [202, 202, 429]


FAULTS: list[tuple[str, dict[str, object], int]] = [  # each worse than the next: the first one is answered
    ("unknown source", {"source": "nobody"}, 404),
    ("wrong method", {"method": "PUT"}, 405),
    ("compressed", {"headers": [("Content-Encoding", "gzip")]}, 415),
    ("no JSON by its type", {"content_type": "text/plain"}, 415),
    ("too large", {"event": b"[" * 100_001}, 413),
    ("unsigned", {"signed": False}, 401),
    ("over the rate", {"source": "limited"}, 429),
    ("no JSON", {"event": b"["}, 400),
    ("no event", {"event": b"{}"}, 422),
]


@pytest.mark.parametrize("first", range(len(FAULTS)), ids=[name for name, _, _ in FAULTS])
async def test_the_order_of_the_checks_is_fixed(front: Front, first: int) -> None:
    knobs: dict[str, object] = {"source": "ops", "event": body()}
    for _, fault, _ in reversed(FAULTS[first:]):
        knobs |= fault
    sender = front.sender(str(knobs.pop("source")))
    event = knobs.pop("event")
    for _ in range(2):  # uses up the rate
        await sender.post(body(), content_type="application/json")

    reply = await sender.post(event, **knobs)  # type: ignore[arg-type]

    assert reply.status == FAULTS[first][2]


async def test_reloaded_sources_hold_from_the_next_request_on(front: Front) -> None:
    front.receiver.reload({"renamed": Source.model_validate(signed())})

    replies = [await front.sender(name).post(body()) for name in ("ops", "renamed")]

    assert [reply.status for reply in replies] == [404, 202]


async def test_every_request_to_a_source_is_counted_by_its_outcome(front: Front) -> None:
    outcomes = ("accepted", "unsigned", "invalid", "malformed")
    before = {outcome: count("events", source="ops", outcome=outcome) for outcome in outcomes}
    sender = front.sender()

    for event, signed_ in ((body(), True), (body(), False), ({}, True), (b"[]", True)):
        await sender.post(event, signed=signed_)

    assert all(count("events", source="ops", outcome=outcome) - before[outcome] == 1 for outcome in outcomes)
