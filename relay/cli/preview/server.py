"""The server behind the page: on loopback, for one author, until Ctrl-C."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from relay.authoring.checking import findings_of
from relay.authoring.framing import framed, in_scheme
from relay.authoring.studio import Stamps, Studio
from relay.channels import CHANNELS
from relay.cli.preview.markup import raw, tag
from relay.cli.preview.page import whole_page
from relay.errors import RelayError, TemplateError

HOST = "127.0.0.1"
LOOKED_AT = 0.3  # seconds between two looks at the files
SAVED, CHECKED = "Updated", "Checked"


class PreviewServer:
    """`async with` serves it; `address` is where. What is wrong is looked for where it is `checked`."""

    def __init__(self, studio: Studio, *, checked: bool = True, port: int = 0) -> None:
        self._studio = studio
        self._checked = checked
        self._port = port
        self._changed = asyncio.Condition()
        self._news: list[str] = []  # every change so far, by what is said of it
        self._stopping = False
        self.address = ""

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """OSError where the port is taken."""
        app = web.Application(middlewares=[_local])
        app.router.add_get("/", self._page)
        app.router.add_get("/changes", self._changes)
        app.router.add_get(r"/{channel:\w+}", self._document)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        tasks: list[asyncio.Task[None]] = []
        try:
            await web.TCPSite(runner, HOST, self._port).start()
            stamps = self._studio.stamps()
            await self._studio.load()
            tasks = [asyncio.create_task(self._watch(stamps))]
            if self._checked:
                tasks.append(asyncio.create_task(self._check()))
            self.address = f"http://{HOST}:{runner.addresses[0][1]}/"
            yield self.address
        finally:
            self._stopping = True
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            async with self._changed:
                self._changed.notify_all()
            await runner.cleanup()
            await self._studio.aclose()

    async def _watch(self, stamps: Stamps) -> None:
        """Look whether a file was saved since these, and compile them all anew if one was."""
        while True:
            await asyncio.sleep(LOOKED_AT)
            now = await asyncio.to_thread(self._studio.stamps)
            if now != stamps:
                stamps = now
                await self._studio.load()
                await self._tell(SAVED)

    async def _check(self) -> None:
        """Find what is wrong with the files, in a process of its own: it may take longer than a look at a message."""
        checked = 0
        while True:
            async with self._changed:
                await self._changed.wait_for(self._newer_than(checked))
            checked = self._studio.version
            with contextlib.suppress(TemplateError):
                findings = await findings_of(self._studio.workspace)
                if checked == self._studio.version:  # else they are of files that are no more
                    self._studio.findings = findings
                    await self._tell(CHECKED)

    def _newer_than(self, version: int) -> Callable[[], bool]:
        return lambda: self._studio.version != version

    def _told_since(self, heard: int) -> Callable[[], bool]:
        return lambda: len(self._news) > heard or self._stopping

    async def _tell(self, change: str) -> None:
        async with self._changed:
            self._news.append(change)
            self._changed.notify_all()

    async def _page(self, request: web.Request) -> web.Response:
        nonce = secrets.token_urlsafe(12)
        try:
            chosen = self._studio.choice(request.query)
        except RelayError as error:  # a sample is none
            return _html(_alone(str(error)), nonce, status=500)
        library = self._studio.renderer.renderer.library if self._studio.renderer else None
        channels = dict.fromkeys([*CHANNELS, *(library.channels if library else ())])
        drawings = {channel: await self._studio.drawing(channel, chosen) for channel in channels}
        return _html(whole_page(self._studio, chosen, drawings, nonce), nonce)

    async def _document(self, request: web.Request) -> web.Response:
        """What a frame shows."""
        channel, nonce = request.match_info["channel"], secrets.token_urlsafe(12)
        try:
            chosen = self._studio.choice(request.query)
            drawing = await self._studio.drawing(channel, chosen)
        except RelayError as error:
            drawing = str(error)
        if isinstance(drawing, str):
            return _html(_alone(drawing), nonce)
        document = in_scheme(str(drawing.preview.documents[drawing.page]), chosen.scheme)
        inline = "'unsafe-inline'" if drawing.preview.scripted else f"'nonce-{nonce}'"
        return web.Response(text=framed(document, nonce=nonce), content_type="text/html", headers={
            "Content-Security-Policy": f"default-src 'none'; img-src https: data:; style-src 'unsafe-inline'; "
                                       f"script-src {inline}; frame-ancestors 'self'",
            **HEADERS,
        })  # fmt: skip

    async def _changes(self, request: web.Request) -> web.StreamResponse:
        """Server-sent events: one for each change of what the page shows."""
        stream = web.StreamResponse(headers={"Content-Type": "text/event-stream", **HEADERS})
        await stream.prepare(request)
        heard = len(self._news)
        with contextlib.suppress(ConnectionError):
            await stream.write(b"retry: 1000\n\n")
            while not self._stopping:
                async with self._changed:
                    await self._changed.wait_for(self._told_since(heard))
                news, heard = self._news[heard:], len(self._news)
                for change in news:
                    await stream.write(f"data: {change}\n\n".encode())
        return stream


HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}


@web.middleware
async def _local(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse a page of somebody else's that has given this address a name of its own."""
    if (request.url.host or "") not in (HOST, "localhost", "::1"):
        raise web.HTTPForbidden(text="this is served to this machine alone")
    return await handler(request)


def _html(text: str, nonce: str, status: int = 200) -> web.Response:
    policy = (
        f"default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; connect-src 'self'; "
        "frame-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
    )
    headers = {"Content-Security-Policy": policy, **HEADERS}
    return web.Response(text=text, status=status, content_type="text/html", headers=headers)


def _alone(fault: str) -> str:
    body = raw("main", tag("h1", "Templates") + tag("p", fault, role="alert"))
    head = '<head><meta charset="utf-8"><title>Templates</title></head>'
    return f'<!doctype html><html lang="en">{head}<body>{body}</body></html>'
