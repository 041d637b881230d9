"""The part of a page that is kept up to date, when nobody looks any more."""

from aiohttp import ClientSession, web
from structlog.testing import capture_logs

from relay.console.streams import Streams
from relay.receiving.guard import Guard
from relay.receiving.problems import answering
from relay.receiving.server import serve
from tests.support.waiting import until


async def test_who_goes_while_the_page_is_made_is_no_fault() -> None:
    streams, seen, over = Streams(period=0.02), list[web.Request](), list[bool]()

    async def follow(request: web.Request) -> web.StreamResponse:
        async def look() -> str:
            seen.append(request)
            await until(lambda: request.transport is None or request.transport.is_closing())
            return "a part"

        try:
            return await streams.follow(request, "now", look)
        finally:
            over.append(True)

    app = web.Application(middlewares=[answering()])
    app.router.add_get("/live", follow)
    runner = await serve(app, "127.0.0.1", 0, grace=5.0, guard=Guard())
    with capture_logs() as lines:
        async with ClientSession() as client:
            host, port = runner.addresses[0][:2]
            answer = await client.get(f"http://{host}:{port}/live")
            await until(lambda: seen)
            answer.close()
            await until(lambda: over)
        await streams.aclose()
        await runner.cleanup()
    assert [line["event"] for line in lines] == []
