"""All of the console: which pages there are, what can be done on them, and how both are served."""

from collections.abc import Sequence

from aiohttp import web
from aiohttp.typedefs import Middleware

from relay.console import static_files
from relay.console.access.browser import PAGES
from relay.console.actions import configuration, links
from relay.console.actions import dead as dead_acts
from relay.console.actions import destinations as destination_acts
from relay.console.actions import digests as digest_acts
from relay.console.actions import events as event_acts
from relay.console.actions import keys as key_acts
from relay.console.actions import quarantine as quarantine_acts
from relay.console.actions import silences as silence_acts
from relay.console.actions import suppressed as suppressed_acts
from relay.console.desk import Desk
from relay.console.json_api import JsonApi
from relay.console.pages import Pages
from relay.console.previews import PreviewFacts
from relay.console.serving import Site
from relay.console.streams import Streams
from relay.console.view import Action, NoQuestion, View, answer
from relay.console.views import (
    audit,
    dead,
    deliveries,
    delivery,
    delivery_facts,
    destination,
    destinations,
    digest,
    job,
    jobs,
    keys,
    message,
    now,
    operation,
    operation_facts,
    operations,
    quarantine,
    silences,
    source,
    suppressed,
    template,
    templates,
)
from relay.receiving.request_body import expect_later

VIEWS: Sequence[View] = (
    View("/now", now.now, NoQuestion, now.NowFacts, "now.html", "Now", listed=True, live="now_live.html"),
    View("/operation", operation.operation, operation_facts.OperationQuestion, operation_facts.OperationFacts,
         "operation.html", "Operation", live="operation_live.html"),
    View("/operations", operations.operations, operations.OperationsQuestion, operations.OperationsFacts,
         "operations.html", "Operations", listed=True),
    View("/jobs", jobs.jobs, jobs.JobsQuestion, jobs.JobsFacts, "jobs.html", "Jobs", listed=True),
    View("/job", job.job, job.JobQuestion, job.JobFacts, "job.html", "Job"),
    View("/source", source.source, source.SourceQuestion, source.SourceFacts, "source.html", "Source"),
    View("/message", message.message, message.MessageQuestion, message.MessageFacts, "message.html", "Message",
         html=message.html),
    View("/deliveries", deliveries.deliveries, deliveries.DeliveriesQuestion, deliveries.DeliveriesFacts,
         "deliveries.html", "Deliveries", listed=True),
    View("/delivery", delivery.delivery, delivery.DeliveryQuestion, delivery.OneDeliveryFacts, "delivery.html",
         "Delivery"),
    View("/delivery/preview", delivery.trial, delivery.DeliveryQuestion, PreviewFacts, "delivery_preview.html",
         "What would be sent", html=delivery.trial_html),
    View("/dead", dead.dead, dead.DeadQuestion, dead.DeadListFacts, "dead.html", "Dead letters", listed=True),
    View("/dead/all", dead.every, dead.DeadAllQuestion, dead.DeadAllFacts, "dead_all.html", "Dead letters"),
    View("/dead-letter", dead.letter, dead.DeadLetterQuestion, dead.DeadLetterFacts, "dead_letter.html", "Dead letter"),
    View("/quarantine", quarantine.quarantine, quarantine.QuarantineQuestion, quarantine.QuarantineFacts,
         "quarantine.html", "Quarantine", listed=True),
    View("/quarantine/all", quarantine.every, quarantine.QuarantineAllQuestion, quarantine.QuarantineAllFacts,
         "quarantine_all.html", "Quarantine"),
    View("/quarantined", quarantine.quarantined, quarantine.QuarantinedQuestion, quarantine.QuarantinedBodyFacts,
         "quarantined.html", "Quarantined body"),
    View("/quarantined/trial", quarantine.trial, quarantine.QuarantinedQuestion, quarantine.TrialFacts,
         "trial.html", "What a replay would do"),
    View("/destinations", destinations.destinations, NoQuestion, destinations.DestinationsFacts, "destinations.html",
         "Destinations", listed=True),
    View("/destination", destination.destination, destination.DestinationQuestion, destination.DestinationFacts,
         "destination.html", "Destination"),
    View("/destination/digest", digest.digest, digest.DigestQuestion, digest.DigestPreviewFacts, "digest.html",
         "Next digest", html=digest.html),
    View("/silences", silences.silences, silences.SilencesQuestion, silences.SilencesFacts, "silences.html",
         "Silences", listed=True),
    View("/templates", templates.templates, templates.TemplatesQuestion, templates.TemplatesFacts, "templates.html",
         "Templates", listed=True),
    View("/template", template.template, template.TemplateQuestion, template.TemplateFacts, "template.html",
         "Template", html=template.html),
    View("/audit", audit.audit, audit.AuditQuestion, audit.AuditFacts, "audit.html", "Audit", listed=True),
)  # fmt: skip
# What commands and programs ask beside that: it has no page.
ANSWERS: Sequence[View] = (
    answer("/digests", digest.digests, NoQuestion, digest.DigestListFacts, "Digests"),
    answer("/keys", keys.keys, NoQuestion, keys.KeysFacts, "Keys"),
    answer("/suppressed", suppressed.suppressed, NoQuestion, suppressed.SuppressedListFacts, "Suppressed addresses"),
    answer("/health", now.health, NoQuestion, now.HealthFacts, "Health"),
)
ACTIONS: Sequence[Action] = (
    Action("/dead/replay", dead_acts.replay, dead_acts.DeadForm, "Put dead letters back into the queue"),
    Action("/dead/drop", dead_acts.drop, dead_acts.DeadForm, "Forget dead letters for good"),
    Action("/quarantine/replay", quarantine_acts.replay, quarantine_acts.QuarantineForm, "Take them as events"),
    Action("/quarantine/drop", quarantine_acts.drop, quarantine_acts.QuarantineForm, "Forget them for good"),
    Action(
        "/destinations/pause", destination_acts.pause, destination_acts.PauseForm, "Let what is for it wait", keeps=True
    ),
    Action("/destinations/resume", destination_acts.resume, destination_acts.ResumeForm, "End the pause of one"),
    Action("/destinations/test", destination_acts.send_trial, destination_acts.TrialForm, "Send one a test message"),
    Action("/destinations/allow", suppressed_acts.allow, suppressed_acts.AddressForm, "Write to an address again"),
    Action(
        "/silences/add",
        silence_acts.add,
        silence_acts.SilenceForm,
        "Let nobody hear of something for a while",
        keeps=True,
    ),
    Action("/silences/expire", silence_acts.expire, silence_acts.ExpireForm, "End a silence now"),
)
COMMANDS: Sequence[Action] = (  # without a page, too
    Action("/digests/send", digest_acts.send_now, digest_acts.DigestForm, "Send a digest before its time"),
    Action("/suppressed/add", suppressed_acts.suppress, suppressed_acts.AddressForm, "Write to an address no more"),
    Action("/keys/rotate", key_acts.rotate, key_acts.RotateForm, "Make a new key for links and buttons"),
    Action("/console/link", links.link, links.LinkForm, "Make a link that lets one person in, once"),
    Action("/events/send", event_acts.send, event_acts.EventForm, "Sign an event and send it"),
    Action("/reload", configuration.reload, configuration.ReloadForm, "Read the configuration again"),
)  # fmt: skip


class Console:
    """Two applications for the operators' listener: `pages` for /console, `api` for /api/v1."""

    def __init__(self, desk: Desk, *, auth: Sequence[Middleware] = (), api_auth: Sequence[Middleware] = ()) -> None:
        self.streams = Streams()
        self._site = Site(desk, Pages({"states": delivery_facts.STATES, "says": delivery_facts.SAYS}), VIEWS)
        self.render, self.keep_language = self._site.render, self._site.keep_language
        self.pages = web.Application(middlewares=[*auth, self._site.answered])
        self.pages.add_routes([
            *page_routes(self._site, VIEWS),
            *(web.get(f"/live{view.path}", self._site.live(view, self.streams)) for view in VIEWS if view.live),
            *(web.post(action.path, self._site.form(action), expect_handler=expect_later) for action in ACTIONS),
        ])  # fmt: skip
        self.api = api(desk, api_auth)


def api(desk: Desk, auth: Sequence[Middleware] = ()) -> web.Application:
    """Return the JSON side; `auth` sets `IDENTITY` of each request."""
    calls, app = JsonApi(desk), web.Application(middlewares=[*auth])
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
        *static_files.routes(),
    ]
