"""All of the console: which pages there are, what can be done on them, and how both are served."""

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from relay.console.desk import Desk
from relay.console.pages import HERE, Pages
from relay.console.serving import Site
from relay.console.streams import Streams
from relay.console.view import Action, NoQuestion, View
from relay.console.views import now

VIEWS: Sequence[View] = (
    View("/now", now.now, NoQuestion, now.NowFacts, "now.html", "Now", listed=True, live="now_live.html"),
)
ACTIONS: Sequence[Action] = ()


class Console:
    """Two applications for the operators' listener: `pages` for /console, `api` for /api/v1."""

    def __init__(self, desk: Desk, *, door: Sequence[Middleware] = (), api_door: Sequence[Middleware] = ()) -> None:
        self.streams = Streams()
        self._site = Site(desk, Pages({}), VIEWS)
        self.render = self._site.render
        self.pages = web.Application(middlewares=[*door])
        self.pages.add_routes([
            web.get("", _first),
            *(web.get(view.path, self._site.page(view)) for view in VIEWS),
            *(web.get(f"/live{view.path}", self._site.live(view, self.streams)) for view in VIEWS if view.live),
            *(web.post(action.path, self._site.form(action)) for action in ACTIONS),
            web.static("/static", HERE / "static"),
        ])  # fmt: skip
        self.api = web.Application(middlewares=[*api_door])
        self.api.add_routes([
            *(web.get(view.path, self._site.facts(view)) for view in VIEWS),
            *(web.post(action.path, self._site.call(action)) for action in ACTIONS),
        ])  # fmt: skip


async def _first(_request: web.Request) -> web.Response:
    raise web.HTTPFound("/console/now")
