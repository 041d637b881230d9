"""The memory that bodies may take together, and who goes when there is no more."""

import json

import pytest

from relay.receiving.guard import Bodies, Guard
from tests.support.events import body
from tests.support.front import Front, assert_problem, count, receiving
from tests.support.sender import SECRET, endlessly, slowly

EVENT = json.dumps(body()).encode()


async def test_what_fits_nowhere_is_refused_and_asked_to_come_again() -> None:
    async with receiving(guard=Guard(bodies=Bodies(len(EVENT) - 1))) as front:
        refused = count("bodies_refused", reason="memory")
        reply = await front.sender().post(EVENT)
        slow = await front.sender().exchange(slowly(front.sender().raw(EVENT), step=len(EVENT) // 2))

    for answered in (reply, slow):
        assert_problem(answered, 503)
        assert int(answered.headers["retry-after"]) > 0
        assert answered.headers["connection"] == "close"
    assert count("bodies_refused", reason="memory") == refused + 2
    assert front.guard.bodies.used == 0
    assert front.events == []


@pytest.mark.parametrize("source", ["ops", "standard", "github", "stripe", "progress"])
@pytest.mark.parametrize("headers", [{}, {"Expect": "100-continue"}], ids=["body comes", "asks first"])
async def test_a_body_that_no_signature_speaks_for_is_not_read(source: str, headers: dict[str, str]) -> None:
    async with receiving() as front:
        refused, unread = count("signatures_refused", source=source), count("bodies_refused", reason="unsigned")
        sender = front.sender(source)
        unsigned = dict.fromkeys(sender.sign(EVENT), "")
        request = sender.raw(EVENT, {**unsigned, **headers, "Content-Length": "99000"})

        reply = await sender.exchange(request, endlessly(b" "))
        whole = await sender.post(EVENT, signed=False)

    assert_problem(reply, 401)
    assert (reply.body, reply.headers["www-authenticate"]) == (whole.body, whole.headers["www-authenticate"])
    assert reply.headers["connection"] == "close"
    assert count("signatures_refused", source=source) == refused + 2
    assert count("bodies_refused", reason="unsigned") == unread + 1


@pytest.mark.parametrize("source", ["ops", "standard", "github", "stripe", "progress", "open"])
async def test_a_genuine_body_may_come_in_pieces(source: str, front: Front) -> None:
    request = front.sender(source).raw(EVENT)

    reply = await front.sender(source).exchange(slowly(request, step=len(request) // 3))

    assert reply.status == 202
    assert SECRET not in f"{reply}"


async def test_a_large_body_may_take_longer_as_long_as_it_comes() -> None:
    async with receiving(body_timeout=0.2) as front:
        event = json.dumps(body()).encode() + b" " * 60_000
        request = front.sender().raw(event)

        reply = await front.sender().exchange(slowly(request, step=6_000, pause=0.05))

    assert reply.status == 202
