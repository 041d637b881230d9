"""relay template preview --serve: the console's pages of templates by themselves, on loopback, until Ctrl-C."""

import secrets
import sys
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import cast

import click
from aiohttp import web
from aiohttp.typedefs import Handler

from relay.authoring.studio import Gallery
from relay.authoring.workspace import Workspace
from relay.cli.serve import stop_event
from relay.console.access.browser import HEADERS, PAGES, alike
from relay.console.context import Context
from relay.console.facts import Unknown
from relay.console.pages import Pages
from relay.console.serving import Site
from relay.console.site import VIEWS, page_routes

HOST = "127.0.0.1"
COOKIE = "relay_preview"
SHOWN = [view for view in VIEWS if view.path in ("/templates", "/template")]


async def serve(read: Callable[[], Workspace]) -> None:
    """Print a link that lets its holder in, and serve until SIGINT or SIGTERM."""

    def workspace() -> Workspace:
        try:
            return read()
        except click.BadParameter as error:  # a configuration that is being edited
            raise Unknown(error.message) from None

    # The part of a `Context` that pages of templates use.
    parts = {"zone": read().reader.timezone, "clock": time.time, "faults": {}, "copies_kept": False}
    context = SimpleNamespace(gallery=Gallery(workspace), **parts)
    key, stop = secrets.token_urlsafe(24), stop_event()
    runner = web.AppRunner(_app(context, key), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, HOST, 0).start()
        click.echo(f"http://{HOST}:{runner.addresses[0][1]}/?key={key}")
        click.echo("Reload a page to see what you saved; Ctrl-C ends this.")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()
        await context.gallery.aclose()


def _app(context: SimpleNamespace, key: str) -> web.Application:
    @web.middleware
    async def with_key(request: web.Request, handler: Handler) -> web.StreamResponse:
        """The cookie is of this address alone, so a name that a stranger gave it has none."""
        if alike(request.query.get("key", ""), key):
            response = web.Response(status=303, headers={"Location": PAGES})
            response.set_cookie(COOKIE, key, httponly=True, samesite="Lax")
            return response
        if not alike(request.cookies.get(COOKIE, ""), key):
            raise web.HTTPForbidden(text="Open the link that `relay template preview --serve` printed.")
        return await handler(request)

    async def label(_request: web.Request, response: web.StreamResponse) -> None:
        for header, value in HEADERS.items():
            response.headers.setdefault(header, value)

    site = Site(cast("Context", context), Pages(), SHOWN)  # its views ask for no more
    app = web.Application(middlewares=[with_key, site.answered])
    app.on_response_prepare.append(label)
    app.add_routes(page_routes(site, SHOWN))
    return app
