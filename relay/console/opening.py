"""The console on the operators' listener: its pages and its JSON, and the authentication before both."""

from aiohttp import web

from relay.console.access import ConsoleAuth
from relay.console.access.browser import API, PAGES
from relay.console.description import described
from relay.console.desk import Desk
from relay.console.site import ACTIONS, VIEWS, Console
from relay.receiving.access import Admin, is_loopback
from relay.receiving.probes import BESIDES


class OpenConsole:
    """`admin` is where it is served."""

    def __init__(self, desk: Desk, admin: Admin) -> None:
        self.auth = ConsoleAuth(
            desk.config,
            desk.store,
            loopback=is_loopback(admin.host),
            secure=admin.tls is not None,
            clock=desk.clock,
            audit=desk.audit,
            render=lambda request, template, values: self._console.render(request, template, values),  # noqa: PLW0108 - made below
        )
        self._gallery = desk.gallery
        self._console = Console(desk, auth=[self.auth.middleware], api_auth=[self.auth.api_middleware])

    def add_to(self, app: web.Application) -> None:
        app.on_response_prepare.append(self.auth.label)
        app.on_response_prepare.append(self._console.keep_language)
        app.add_routes(self.auth.routes())
        app.add_subapp(PAGES, self._console.pages)
        app.add_subapp(API, self._console.api)
        app[BESIDES] = (*described(VIEWS, ACTIONS, API),)

    async def leave(self, _grace: float) -> None:
        """End what is shown as it changes: a page that somebody looks at must not hold up a stop."""
        await self._console.streams.aclose()

    async def aclose(self) -> None:
        await self.auth.aclose()
        await self._gallery.aclose()
