"""The console on the operators' listener, behind authentication; and the socket of the commands."""

from aiohttp import web

from relay.console.access import ConsoleAuth
from relay.console.access.browser import API, PAGES
from relay.console.api import described
from relay.console.command_socket import CommandSocket
from relay.console.context import Context
from relay.console.site import ACTIONS, ANSWERS, COMMANDS, VIEWS, Console, api
from relay.receiving.access import Admin, is_loopback
from relay.receiving.probes import BESIDES


class OpenConsole:
    """`admin` is where it is served."""

    def __init__(self, context: Context, admin: Admin) -> None:
        self.auth = ConsoleAuth(
            context.config,
            context.store,
            loopback=is_loopback(admin.host),
            secure=admin.tls is not None,
            clock=context.clock,
            audit=context.audit,
            render=lambda request, template, values: self._console.render(request, template, values),  # noqa: PLW0108 - made below
        )
        self._gallery = context.gallery
        self._console = Console(context, auth=[self.auth.middleware], api_auth=[self.auth.api_middleware])
        self.commands = CommandSocket(api(context))

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
