"""What a sender hears is the same, whether its request went past the application or through it."""

import json
from collections.abc import AsyncIterator

import pytest

from tests.support.events import body
from tests.support.front import Front, receiving
from tests.support.sender import Reply, Sender

EVENT = json.dumps(body()).encode()
LONG = body(operationName="x" * 200_000)


@pytest.fixture
async def through() -> AsyncIterator[Front]:
    async with receiving(direct=None) as front:
        yield front


async def good(sender: Sender) -> Reply:
    return await sender.post(body())


async def named(sender: Sender) -> Reply:
    return await sender.post(body(eventId='ä "quoted" \\ id'))


async def unsigned(sender: Sender) -> Reply:
    return await sender.post(body(), signed=False)


async def broken(sender: Sender) -> Reply:
    return await sender.post(b"{")


async def no_event(sender: Sender) -> Reply:
    return await sender.post({"a": 1})


async def too_large(sender: Sender) -> Reply:
    return await sender.post(LONG)


async def compressed(sender: Sender) -> Reply:
    return await sender.post(body(), headers=[("Content-Encoding", "gzip")])


async def asked_for(sender: Sender) -> Reply:
    return await sender.exchange(sender.raw(EVENT, {"Expect": "100-continue"}))


async def closing(sender: Sender) -> Reply:
    return await sender.exchange(sender.raw(EVENT, {"Connection": "close"}))


async def of_old(sender: Sender) -> Reply:
    return await sender.exchange(sender.raw(EVENT).replace(b"HTTP/1.1", b"HTTP/1.0"))


async def read(sender: Sender) -> Reply:
    return await sender.post(b"", method="GET")


@pytest.mark.parametrize(
    "ask",
    [good, named, unsigned, broken, no_event, too_large, compressed, asked_for, closing, of_old, read],
)
async def test_it_is_the_same(front: Front, through: Front, ask: object) -> None:
    assert callable(ask)

    past = await ask(front.sender())
    with_all = await ask(through.sender())

    assert past.status == with_all.status > 0
    assert past.body == with_all.body
    assert {**past.headers, "date": ""} == {**with_all.headers, "date": ""}


async def test_the_last_answer_says_that_its_connection_ends(front: Front) -> None:
    front.runner.leave()

    reply = await good(front.sender())

    assert (reply.status, reply.headers["connection"]) == (202, "close")
