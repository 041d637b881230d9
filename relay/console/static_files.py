"""The style, the scripts and the icon: each file has its own address, and nothing beside them can be asked for."""

from pathlib import Path

from aiohttp import web
from aiohttp.typedefs import Handler

from relay.console.pages import HERE

FOLDER = HERE / "static"


def routes() -> list[web.RouteDef]:
    files = sorted(file for file in FOLDER.rglob("*") if file.is_file())
    return [web.get(f"/static/{file.relative_to(FOLDER).as_posix()}", _giving(file)) for file in files]


def _giving(file: Path) -> Handler:
    async def give(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(file)

    return give
