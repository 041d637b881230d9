"""The table of the console: which pages there are, what can be done on them, and how both are served."""

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from relay.console.access import ConsoleAuth
from relay.console.access.browser import API, PAGES
from relay.console.actions import bulk, commands
from relay.console.actions import destinations as destination_acts
from relay.console.api import described, json_api
from relay.console.command_socket import CommandSocket
from relay.console.context import Context
from relay.console.pages import Pages, static_routes
from relay.console.serving import Site
from relay.console.view import Action, View
from relay.console.views import (
    dead,
    deliveries,
    destination,
    health,
    job,
    messages,
    now,
    operation,
    operations,
    quarantine,
    records,
    silences,
    templates,
)
from relay.receiving.probes import BESIDES
from relay.receiving.request_body import expect_later
from relay.receiving.tls import Admin, is_loopback

ALL, MESSAGE = "all.html", "message.html"
VIEWS: Sequence[View] = (
    View("/now", now.now, "now.html", "Now", listed=True),
    View("/operation", operation.operation, "operation.html", "Operation"),
    View("/operations", operations.operations, "operations.html", "Operations", listed=True),
    View("/jobs", job.jobs, "jobs.html", "Jobs", listed=True),
    View("/job", job.job, "job.html", "Job"),
    View("/message", messages.message, MESSAGE, "Message", html=messages.message_html),
    View("/deliveries", deliveries.deliveries, "deliveries.html", "Deliveries", listed=True),
    View("/dead", dead.dead, "dead.html", "Dead letters", listed=True),
    View("/dead/all", dead.every, ALL, "Dead letters"),
    View("/dead-letter", dead.letter, "dead_letter.html", "Dead letter"),
    View("/quarantine", quarantine.quarantine, "quarantine.html", "Quarantine", listed=True),
    View("/quarantine/all", quarantine.every, ALL, "Quarantine"),
    View("/quarantined", quarantine.quarantined, "quarantined.html", "Quarantined body"),
    View("/destinations", health.destinations, "destinations.html", "Destinations", listed=True),
    View("/destination", destination.destination, "destination.html", "Destination"),
    View("/destination/digest", messages.digest, MESSAGE, "Next digest", html=messages.digest_html),
    View("/silences", silences.silences, "silences.html", "Silences", listed=True),
    View("/templates", templates.templates, "templates.html", "Templates", listed=True),
    View("/template", templates.template, "template.html", "Template", html=templates.html),
    View("/audit", records.audit, "audit.html", "Audit", listed=True),
)
ANSWERS: Sequence[View] = (  # without a page: commands and programs ask them
    View("/digests", messages.digests, "", "Digests"),
    View("/keys", records.keys, "", "Keys"),
    View("/suppressed", records.suppressed, "", "Suppressed addresses"),
    View("/health", now.health_checks, "", "Health"),
)
ACTIONS: Sequence[Action] = (
    Action("/dead/replay", bulk.replay_letters, "Replay dead letters"),
    Action("/dead/drop", bulk.drop_letters, "Delete dead letters"),
    Action("/quarantine/replay", bulk.replay_bodies, "Replay quarantined bodies"),
    Action("/quarantine/drop", bulk.drop_bodies, "Delete quarantined bodies"),
    Action("/destinations/pause", destination_acts.pause, "Pause a destination", keeps=True),
    Action("/destinations/resume", destination_acts.resume, "Resume a destination"),
    Action("/destinations/test", destination_acts.send_trial, "Send a test message"),
    Action("/destinations/allow", destination_acts.allow, "Unsuppress an address"),
    Action("/silences/add", silences.add, "Create a silence", keeps=True),
    Action("/silences/expire", silences.expire, "Expire a silence"),
)
COMMANDS: Sequence[Action] = (  # without a page, too
    Action("/digests/send", commands.send_digest, "Send a digest early"),
    Action("/suppressed/add", destination_acts.suppress, "Suppress an address"),
    Action("/keys/rotate", commands.rotate_key, "Rotate the key for links and buttons"),
    Action("/console/link", commands.link, "Create a one-time login link"),
    Action("/events/send", commands.send_event, "Sign and send an event"),
    Action("/reload", commands.reload, "Reload the configuration"),
)


class Console:
    """Two applications for the operators' listener: `pages` for /console, `api` for /api/v1."""

    def __init__(
        self, context: Context, *, auth: Sequence[Middleware] = (), api_auth: Sequence[Middleware] = ()
    ) -> None:
        self._site = Site(context, Pages({"states": deliveries.STATES}), VIEWS)
        self.render, self.keep_language = self._site.render, self._site.keep_language
        self.pages = web.Application(middlewares=[*auth, self._site.answered])
        self.pages.add_routes([
            *page_routes(self._site, VIEWS),
            *(web.post(action.path, self._site.form(action), expect_handler=expect_later) for action in ACTIONS),
        ])  # fmt: skip
        self.api = api(context, api_auth)


def api(context: Context, auth: Sequence[Middleware] = ()) -> web.Application:
    return json_api(context, (*VIEWS, *ANSWERS), (*ACTIONS, *COMMANDS), auth)


def page_routes(site: Site, views: Sequence[View]) -> list[web.RouteDef]:
    """Return the pages of these views, the first of which is where one begins."""

    async def first(_request: web.Request) -> web.Response:
        raise web.HTTPFound(f"{PAGES}{views[0].path}")

    return [
        web.get("", first),
        web.get("/", first),
        *(web.get(view.path, site.page(view)) for view in views),
        *(web.get(f"{view.path}/html", site.framed(view)) for view in views if view.html),
        *static_routes(),
    ]


class OpenConsole:
    """The console on the admin listener `admin`, behind authentication, and the socket of the commands."""

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

    async def aclose(self) -> None:
        await self.commands.aclose()
        await self.auth.aclose()
        await self._gallery.aclose()
