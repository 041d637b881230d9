"""The table of the console: which pages there are, what can be done on them, and how both are served."""

from collections.abc import Iterable, Iterator, Sequence

from aiohttp import web

from relay.console.access.browser import API, PAGES
from relay.console.actions import bulk, commands
from relay.console.actions import destinations as destination_acts
from relay.console.api import JsonApi, described
from relay.console.context import Context
from relay.console.pages import static_routes
from relay.console.serving import Site
from relay.console.view import Action, Handler, View
from relay.console.views import (
    dead,
    deliveries,
    destination,
    digests,
    health,
    job,
    now,
    operation,
    operations,
    quarantine,
    records,
    silences,
    source,
)
from relay.receiving.openapi import Address

ALL, SOURCE = "all.html", "source.html"
VIEWS: Sequence[View] = (
    View("/now", now.now, "now.html", "Now", listed=True),
    View("/operation", operation.operation, "operation.html", "Run"),
    View("/operations", operations.operations, "operations.html", "Operations", listed=True),
    View("/jobs", job.jobs, "jobs.html", "Jobs", listed=True),
    View("/job", job.job, "job.html", "Job"),
    View("/deliveries", deliveries.deliveries, "deliveries.html", "Deliveries", listed=True),
    View("/dead", dead.dead, "dead.html", "Dead letters", listed=True),
    View("/dead/all", dead.every, ALL, "Dead letters"),
    View("/dead-letter", dead.letter, "dead_letter.html", "Dead letter"),
    View("/quarantine", quarantine.quarantine, "quarantine.html", "Quarantine", listed=True),
    View("/quarantine/all", quarantine.every, ALL, "Quarantine"),
    View("/quarantined", quarantine.quarantined, "quarantined.html", "Quarantined body"),
    View("/source", source.source, SOURCE, "Source"),
    View("/destinations", health.destinations, "destinations.html", "Destinations", listed=True),
    View("/destination", destination.destination, "destination.html", "Destination"),
    View("/destination/digest", digests.digest, "digest.html", "Next digest", html=digests.digest_html),
    View("/silences", silences.silences, "silences.html", "Silences", listed=True),
    View("/audit", records.audit, "audit.html", "Audit", listed=True),
)
ANSWERS: Sequence[View] = (  # without a page: commands and programs ask them
    View("/digests", digests.digests, "", "Digests"),
    View("/suppressed", records.suppressed, "", "Suppressed addresses"),
    View("/health", now.health_checks, "", "Health"),
)
ACTIONS: Sequence[Action] = (
    Action("/dead/replay", bulk.replay_letters, "Replay dead letters"),
    Action("/dead/drop", bulk.drop_letters, "Delete dead letters"),
    Action("/quarantine/replay", bulk.replay_bodies, "Replay quarantined bodies"),
    Action("/quarantine/drop", bulk.drop_bodies, "Delete quarantined bodies"),
    Action("/source/try", commands.try_body, "Show what a source's format makes of a body", template=SOURCE),
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
    Action("/console/link", commands.link, "Create a one-time login link"),
    Action("/events/send", commands.send_event, "Sign and send an event"),
    Action("/catch-up", commands.ask_again, "Have a sender redeliver what failed"),
    Action("/reload", commands.reload, "Reload the configuration"),
)


class Console:
    """The answers at /console and /api/v1, behind authentication."""

    def __init__(self, context: Context) -> None:
        self._site = Site(context, VIEWS)
        self.render = self._site.render
        self._api = JsonApi(context)
        self._pages = _served([
            *page_routes(self._site, VIEWS),
            *(web.post(f"{PAGES}{action.path}", self._site.form(action)) for action in ACTIONS),
        ])  # fmt: skip
        self._answers = _served([
            *(web.get(f"{API}{view.path}", self._api.facts(view)) for view in (*VIEWS, *ANSWERS)),
            *(web.post(f"{API}{row.path}", self._api.call(row)) for row in (*ACTIONS, *COMMANDS)),
        ])  # fmt: skip

    async def page(self, request: web.Request) -> web.StreamResponse:
        return await self._site.answered(request, self._pages)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        return await self._api.answered(request, self._answers)

    def described(self) -> Iterator[Address]:
        """Yield the addresses of the JSON for /openapi.json."""
        return described((*VIEWS, *ANSWERS), (*ACTIONS, *COMMANDS), API)


def _served(routes: Iterable[web.RouteDef]) -> Handler:
    """Return a handler that leads to these routes. It raises HTTPNotFound and HTTPMethodNotAllowed."""
    router = web.UrlDispatcher()
    router.add_routes(routes)

    async def serve(request: web.Request) -> web.StreamResponse:
        return await (await router.resolve(request)).handler(request)

    return serve


def page_routes(site: Site, views: Sequence[View]) -> list[web.RouteDef]:
    """Return the pages of these views, the first of which is where one begins."""

    async def first(_request: web.Request) -> web.Response:
        raise web.HTTPFound(f"{PAGES}{views[0].path}")

    return [
        web.get(PAGES, first),
        web.get(f"{PAGES}/", first),
        *(web.get(f"{PAGES}{view.path}", site.page(view)) for view in views),
        *(web.get(f"{PAGES}{view.path}/html", site.framed(view)) for view in views if view.html),
        *static_routes(),
    ]
