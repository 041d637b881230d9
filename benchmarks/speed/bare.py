"""A bare aiohttp that reads the body and answers 202: python -m benchmarks.speed.bare PORT"""

import asyncio
import sys

from aiohttp import web

from relay.cli.serve import run_loop


async def answer(request: web.Request) -> web.Response:
    await request.read()
    return web.Response(status=202)


async def main(port: int) -> None:
    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    run_loop(main(int(sys.argv[1])))
