"""The console on the operators' listener, behind authentication; and the socket of the commands."""

from aiohttp import web

from relay.console.access import ConsoleAuth
from relay.console.access.browser import API, PAGES
from relay.console.command_socket import CommandSocket
from relay.console.description import described
from relay.console.desk import Desk
from relay.console.site import ACTIONS, ANSWERS, COMMANDS, VIEWS, Console, api
from relay.receiving.probes import BESIDES
from relay.receiving.tls import Admin, is_loopback


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
        self.commands = CommandSocket(api(desk))

    def add_to(self, app: web.Application) -> None:
        app.on_response_prepare.append(self.auth.label)
        app.on_response_prepare.append(self._console.keep_language)
        app.add_routes(self.auth.routes())
        app.add_subapp(PAGES, self._console.pages)
        app.add_subapp(API, self._console.api)
        app[BESIDES] = (*described((*VIEWS, *ANSWERS), (*ACTIONS, *COMMANDS), API),)

    async def leave(self, _grace: float) -> None:
        """End what is shown as it changes: a page that somebody looks at must not hold up a stop."""
        await self._console.streams.aclose()

    async def aclose(self) -> None:
        await self.commands.aclose()
        await self.auth.aclose()
        await self._gallery.aclose()
