"""The style, the scripts and the icon: each file has its own address, and nothing beside them can be asked for.

They are served from memory: no deadline ends asyncio's `sendfile` cleanly while a client does not read.
"""

from mimetypes import guess_type
from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from relay.console.pages import HERE

FOLDER = HERE / "static"


def routes() -> list[web.RouteDef]:
    files = sorted(file for file in FOLDER.rglob("*") if file.is_file())
    return [web.get(f"/static/{file.relative_to(FOLDER).as_posix()}", _giving(file)) for file in files]


def _giving(file: Path) -> Handler:
    content, content_type = file.read_bytes(), guess_type(file.name)[0] or "application/octet-stream"

    async def give(_request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=content_type)

    return give
