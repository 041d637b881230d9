"""The table of the console: which pages there are, what can be done on them, and how both are served."""

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from relay.console.access import ConsoleAuth
from relay.console.access.browser import API, PAGES
from relay.console.actions import bulk, commands
from relay.console.actions import destinations as destination_acts
from relay.console.actions import silences as silence_acts
from relay.console.api import JsonApi, described
from relay.console.command_socket import CommandSocket
from relay.console.context import Context
from relay.console.facts import Form, IdForm, NameForm, NoQuestion
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
    template,
    templates,
)
from relay.receiving.probes import BESIDES
from relay.receiving.request_body import expect_later
from relay.receiving.tls import Admin, is_loopback

LIST, ALL, MESSAGE = "list.html", "all.html", "message.html"
VIEWS: Sequence[View] = (
    View("/now", now.now, NoQuestion, now.NowFacts, "now.html", "Now", listed=True, live="now_live.html"),
    View("/operation", operation.operation, operation.OperationQuestion, operation.OperationFacts,
         "operation.html", "Operation", live="operation_live.html"),
    View("/operations", operations.operations, operations.OperationsQuestion, operations.OperationsFacts,
         LIST, "Operations", listed=True, listing=operations.LISTING),
    View("/jobs", job.jobs, job.JobsQuestion, job.JobsFacts, LIST, "Jobs", listed=True, listing=job.LISTING),
    View("/job", job.job, job.JobQuestion, job.JobFacts, "job.html", "Job"),
    View("/message", messages.message, messages.MessageQuestion, messages.MessageFacts, MESSAGE, "Message",
         html=messages.message_html),
    View("/deliveries", deliveries.deliveries, deliveries.DeliveriesQuestion, deliveries.DeliveriesFacts,
         LIST, "Deliveries", listed=True, listing=deliveries.LISTING),
    View("/dead", dead.dead, dead.DeadQuestion, dead.DeadListFacts, LIST, "Dead letters", listed=True,
         listing=dead.LISTING),
    View("/dead/all", dead.every, dead.DeadQuestion, dead.AllFacts, ALL, "Dead letters", listing=dead.LISTING),
    View("/dead-letter", dead.letter, dead.IdQuestion, dead.DeadLetterFacts, "dead_letter.html", "Dead letter"),
    View("/quarantine", quarantine.quarantine, quarantine.QuarantineQuestion, quarantine.QuarantineFacts,
         LIST, "Quarantine", listed=True, listing=quarantine.LISTING),
    View("/quarantine/all", quarantine.every, quarantine.QuarantineQuestion, dead.AllFacts, ALL, "Quarantine",
         listing=quarantine.LISTING),
    View("/quarantined", quarantine.quarantined, dead.IdQuestion, quarantine.QuarantinedFacts,
         "quarantined.html", "Quarantined body"),
    View("/destinations", health.destinations, NoQuestion, health.DestinationsFacts, "destinations.html",
         "Destinations", listed=True),
    View("/destination", destination.destination, destination.DestinationQuestion, destination.DestinationFacts,
         "destination.html", "Destination"),
    View("/destination/digest", messages.digest, messages.DigestQuestion, messages.MessageFacts, MESSAGE,
         "Next digest", html=messages.digest_html),
    View("/silences", records.silences, records.SilencesQuestion, records.SilencesFacts, "silences.html",
         "Silences", listed=True),
    View("/templates", templates.templates, templates.TemplatesQuestion, templates.TemplatesFacts, "templates.html",
         "Templates", listed=True),
    View("/template", template.template, template.TemplateQuestion, template.TemplateFacts, "template.html",
         "Template", html=template.html),
    View("/audit", records.audit, records.AuditQuestion, records.AuditFacts, LIST, "Audit", listed=True,
         listing=records.LISTING),
)  # fmt: skip
ANSWERS: Sequence[View] = (  # without a page: commands and programs ask them
    View("/digests", messages.digests, NoQuestion, messages.DigestListFacts, "", "Digests"),
    View("/keys", records.keys, NoQuestion, records.KeysFacts, "", "Keys"),
    View("/suppressed", records.suppressed, NoQuestion, records.SuppressedFacts, "", "Suppressed addresses"),
    View("/health", now.health_checks, NoQuestion, now.HealthFacts, "", "Health"),
)
ACTIONS: Sequence[Action] = (
    Action("/dead/replay", bulk.replay_letters, bulk.DeadForm, "Replay dead letters"),
    Action("/dead/drop", bulk.drop_letters, bulk.DeadForm, "Delete dead letters"),
    Action("/quarantine/replay", bulk.replay_bodies, bulk.QuarantineForm, "Replay quarantined bodies"),
    Action("/quarantine/drop", bulk.drop_bodies, bulk.QuarantineForm, "Delete quarantined bodies"),
    Action("/destinations/pause", destination_acts.pause, destination_acts.PauseForm, "Pause a destination",
           keeps=True),
    Action("/destinations/resume", destination_acts.resume, NameForm, "Resume a destination"),
    Action("/destinations/test", destination_acts.send_trial, destination_acts.TrialForm, "Send a test message"),
    Action("/destinations/allow", destination_acts.allow, destination_acts.AddressForm, "Unsuppress an address"),
    Action("/silences/add", silence_acts.add, silence_acts.SilenceForm, "Create a silence", keeps=True),
    Action("/silences/expire", silence_acts.expire, IdForm, "Expire a silence"),
)  # fmt: skip
COMMANDS: Sequence[Action] = (  # without a page, too
    Action("/digests/send", commands.send_digest, NameForm, "Send a digest early"),
    Action("/suppressed/add", destination_acts.suppress, destination_acts.AddressForm, "Suppress an address"),
    Action("/keys/rotate", commands.rotate_key, commands.RotateForm, "Rotate the key for links and buttons"),
    Action("/console/link", commands.link, commands.LinkForm, "Create a one-time login link"),
    Action("/events/send", commands.send_event, commands.EventForm, "Sign and send an event"),
    Action("/reload", commands.reload, Form, "Reload the configuration"),
)


class Console:
    """Two applications for the operators' listener: `pages` for /console, `api` for /api/v1."""

    def __init__(
        self, context: Context, *, auth: Sequence[Middleware] = (), api_auth: Sequence[Middleware] = ()
    ) -> None:
        self._site = Site(context, Pages({"states": deliveries.STATES, "link_of": deliveries.link_of}), VIEWS)
        self.render, self.keep_language = self._site.render, self._site.keep_language
        self.pages = web.Application(middlewares=[*auth, self._site.answered])
        self.pages.add_routes([
            *page_routes(self._site, VIEWS),
            *(web.get(f"/live{view.path}", self._site.live(view)) for view in VIEWS if view.live),
            *(web.post(action.path, self._site.form(action), expect_handler=expect_later) for action in ACTIONS),
        ])  # fmt: skip
        self.api = api(context, api_auth)


def api(context: Context, auth: Sequence[Middleware] = ()) -> web.Application:
    """Return the JSON side; `auth` sets `IDENTITY` of each request."""
    calls, app = JsonApi(context), web.Application(middlewares=[*auth])
    app.add_routes([
        *(web.get(view.path, calls.facts(view)) for view in (*VIEWS, *ANSWERS)),
        *(web.post(row.path, calls.call(row), expect_handler=expect_later) for row in (*ACTIONS, *COMMANDS)),
    ])  # fmt: skip
    return app


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
