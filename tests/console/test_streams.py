"""Pages that are kept up to date: who looks at the same one shares its looks, and looks take little of all time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

import pytest
from aiohttp import ClientResponse, ClientSession, web
from aiohttp.test_utils import BaseTestServer, TestServer
from structlog.testing import capture_logs

from relay.console.access import IDENTITY, STILL_ALLOWED, Identity
from relay.console.streams import LONGEST, MOST, MOST_EACH, PERIOD, SHARE, Streams, pause_after
from relay.errors import StoreUnavailable
from relay.receiving.problems import answering
from tests.support.patience import patience


@asynccontextmanager
async def followed(streams: Streams, looks: dict[str, int]) -> AsyncIterator[BaseTestServer]:
    """A server whose every path is a page: it says how often it was looked at, so that each look changes it."""
    numbers = count(1)

    async def follow(request: web.Request) -> web.StreamResponse:
        async def look() -> str:
            looks[request.path] = looks.get(request.path, 0) + 1
            return f"{request.path} {next(numbers)}"

        return await streams.follow(request, request.path, look)

    app = web.Application()
    app.router.add_get("/{page}", follow)
    async with TestServer(app) as server:
        yield server
        await streams.aclose()


async def part(response: ClientResponse) -> str:
    """The next one that comes."""
    while not (line := await response.content.readline()).startswith(b"data: "):
        pass
    return line.removeprefix(b"data: ").decode().strip()


async def test_who_looks_at_the_same_page_shares_its_looks() -> None:
    streams, looks = Streams(period=3600), dict[str, int]()
    async with followed(streams, looks) as server, ClientSession() as client:
        async with (
            client.get(server.make_url("/now")) as one,
            client.get(server.make_url("/now")) as same,
            client.get(server.make_url("/operation")) as other,
        ):
            parts = [await part(response) for response in (one, same, other)]

        assert parts[0] == parts[1] != parts[2]
        assert looks == {"/now": 1, "/operation": 1}


async def test_where_nothing_changes_it_says_that_it_is_there() -> None:
    streams = Streams(period=0.01, alive=0.0)

    async def look() -> str:
        return "a part"

    async def follow(request: web.Request) -> web.StreamResponse:
        return await streams.follow(request, "now", look)

    app = web.Application()
    app.router.add_get("/now", follow)
    async with TestServer(app) as server, ClientSession() as client:
        async with client.get(server.make_url("/now")) as response:
            lines = [(await response.content.readline()).decode().strip() for _ in range(8)]
        await streams.aclose()

    assert [line for line in lines if line] == ["data: a part", *["event: alive", "data:"] * 2]


@pytest.mark.parametrize(
    ("took", "pages", "seconds"),
    [(0.0, 1, PERIOD), (0.5 * SHARE * PERIOD, 2, PERIOD), (2 * SHARE * PERIOD, 2, 4 * PERIOD), (60.0, 1, LONGEST)],
)
def test_looks_take_little_of_all_time(took: float, pages: int, seconds: float) -> None:
    assert pause_after(took, pages) == pytest.approx(seconds)


async def test_nobody_opens_more_streams_than_there_are_places() -> None:
    streams = Streams(period=3600)

    async def follow(request: web.Request) -> web.StreamResponse:
        request[IDENTITY] = Identity(request.match_info["name"], "viewer", "link")

        async def look() -> str:
            return "a part"

        return await streams.follow(request, "now", look)

    app = web.Application()
    app.router.add_get("/{name}", follow)
    async with TestServer(app) as server, ClientSession() as client, AsyncExitStack() as stack:

        async def opened(name: str) -> int:
            return (await stack.enter_async_context(client.get(server.make_url(f"/{name}")))).status

        assert [await opened("greedy") for _ in range(MOST_EACH + 1)] == [200] * MOST_EACH + [503]
        assert [await opened(f"{n}") for n in range(MOST - MOST_EACH + 1)] == [200] * (MOST - MOST_EACH) + [503]
        await streams.aclose()
        assert await opened("somebody") == 503


async def test_a_fault_of_relays_in_a_later_look_is_logged_and_no_second_answer() -> None:
    streams, looks = Streams(period=0.01), count(1)

    async def look() -> str:
        if next(looks) > 1:
            raise ValueError("a fault of relay's")
        return "a part"

    async def follow(request: web.Request) -> web.StreamResponse:
        return await streams.follow(request, "now", look)

    app = web.Application(middlewares=[answering()])
    app.router.add_get("/now", follow)
    async with TestServer(app) as server:
        with capture_logs() as lines:
            async with ClientSession() as client, client.get(server.make_url("/now")) as response:
                body = await response.text()
        await streams.aclose()

    assert (response.status, body.strip()) == (200, "data: a part")
    assert [(line["event"], line["error"]) for line in lines] == [("request.failed", "ValueError")]


async def test_a_store_that_goes_away_ends_the_stream_and_is_no_second_answer() -> None:
    streams = Streams(period=0.01)

    async def away() -> bool:
        raise StoreUnavailable("Redis: it is away")

    async def look() -> str:
        return "a part"

    async def follow(request: web.Request) -> web.StreamResponse:
        request[STILL_ALLOWED] = away
        return await streams.follow(request, "now", look)

    app = web.Application(middlewares=[answering()])
    app.router.add_get("/now", follow)
    async with TestServer(app) as server:
        reader, writer = await asyncio.open_connection(server.host, server.port)
        for path, way in (("now", "keep-alive"), ("nothing", "close")):
            writer.write(f"GET /{path} HTTP/1.1\r\nHost: relay\r\nConnection: {way}\r\n\r\n".encode())
        answers = (await asyncio.wait_for(reader.read(), patience())).split(b"HTTP/1.1 ")[1:]
        writer.close()

    assert [answer[:3] for answer in answers] == [b"200", b"404"]
    assert b"a part" in answers[0]
