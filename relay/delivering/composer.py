"""Composing of a notification, anew for each attempt: enriched, rendered, with its buttons, mentions and links."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from relay import metrics
from relay.config import Config
from relay.domain.deliveries import EVERYBODY, Delivery, DeliveryOptions, Notification
from relay.domain.events import OPERATOR_EVENTS
from relay.policy.presentation import alerts, mentions_for, works_again
from relay.policy.recipients import mentions
from relay.rendering import IsolatedRenderer

log = structlog.get_logger(__name__)

Calls = Callable[[Delivery, Sequence[str]], Awaitable[Sequence[str]]]


@dataclass(eq=False)
class Composer:
    """Composer of notifications. `config` and `renderer` are asked anew each time, so a reload needs no restart."""

    config: Callable[[], Config]
    renderer: Callable[[], IsolatedRenderer]
    clock: Callable[[], float] = time.time
    enrich: Callable[[Delivery], Awaitable[Delivery]] | None = None  # adds results to the event; never raises
    job_history: Callable[[Delivery], Awaitable[Delivery]] | None = None  # adds its job's earlier outcomes, likewise
    unsubscribe: Callable[[Delivery, str], Awaitable[str]] | None = None  # the link in this language; '' for none
    buttons: Callable[[Delivery], Awaitable[Sequence[Mapping[str, str]]]] | None = None  # below a live message
    calls: Calls | None = None  # of these names those that this failure mentions (relay.engine.causes)

    async def compose(self, delivery: Delivery, channel: object = None) -> Notification:
        """Compose it for its channel, which may take the event's own document instead. Raises StoreUnavailable."""
        renders = getattr(channel, "renders", True)
        if self.enrich:
            delivery = await self.enrich(delivery)
        countable = False
        if self.job_history and renders:
            delivery, without = await self.job_history(delivery), delivery
            countable = delivery is not without  # other runs of its job are known
        config = self.config()
        destination = config.destinations.get(delivery.destination)
        options = delivery.options or DeliveryOptions(mention=destination.mention if destination else {})
        language = options.language or (destination and destination.language) or config.language
        timezone = options.timezone or (destination and destination.timezone) or config.timezone
        link = ""
        if self.unsubscribe and getattr(channel, "unsubscribes", False) and delivery.event.name not in OPERATOR_EVENTS:
            link = await self.unsubscribe(delivery, language)
        requested = mentions(delivery.event, config.dynamic_destinations) if config.dynamic_destinations else ()
        names = delivery.people or mentions_for(
            delivery.event, delivery.history, options.mention, requested, options.owners
        )
        if delivery.kind == "live" and delivery.event.name == "batch.operation.completed":
            names = ()  # the reply below it mentions people
        after = options.alert_after or (destination and destination.alert_after) or 0
        calls = self.calls if delivery.window and getattr(channel, "calls", True) else None
        mentioned, broadcast = await self._audience(delivery, names, calls, alert_after=after, countable=countable)
        templates, document = getattr(channel, "templates", delivery.channel), delivery.event.document
        content = await self._content(delivery, templates, language, timezone, link) if renders else document
        return Notification(
            delivery=delivery.id,
            destination=delivery.destination,
            address=delivery.address,
            kind=delivery.kind,
            content=dict(content),
            subject=delivery.event.subject,
            event=delivery.event.name,
            created_at=delivery.created_at,
            language=language,
            thread=delivery.thread,
            mentions=mentioned,
            broadcast=broadcast,
            unsubscribe=link,
            unknown=delivery.unknown,
            space=delivery.event.space(delivery.event.subject),
            labels=delivery.event.filters,
            lane=delivery.lane,
        )

    async def _content(
        self, delivery: Delivery, templates: str, language: str, timezone: str, unsubscribe: str
    ) -> Mapping[str, Any]:
        """Render the message; if a template fails, in relay's own wording: its fault never costs a message."""
        buttons = await self.buttons(delivery) if self.buttons and delivery.kind == "live" else ()
        reached = self.config().matcher.reached(delivery.event)
        rules = (rule for row in reached if row.destination == delivery.destination for rule in row.rules)
        # Asked last: a reload closes the previous renderer as soon as it has rendered what it was asked for by then.
        rendered = await self.renderer().message(
            templates,
            delivery.form,
            delivery.event,
            delivery.history,
            language=language,
            timezone=timezone,
            now=datetime.fromtimestamp(self.clock(), UTC),
            destination=delivery.destination,
            unsubscribe=unsubscribe,
            rule=next(rules, ""),
            buttons=buttons,
            healed=delivery.mishap,
            taken=delivery.taken,
            waited=delivery.waited,
            alike=delivery.alike,
            alone=delivery.alone,
        )
        if rendered.fault:
            log.error("template.failed", channel=delivery.channel, name=delivery.event.name, error=rendered.fault)
            metrics.template_failures.labels(delivery.channel).inc()
        return rendered.content

    async def _audience(
        self, delivery: Delivery, names: tuple[str, ...], calls: Calls | None, *, alert_after: int, countable: bool
    ) -> tuple[tuple[str, ...], bool]:
        """Return the names to mention, and whether the conversation sees the reply.

        A failure with too few before it mentions no one (`alerts`), neither does one that healed. Of one cause each
        name is mentioned once, by a row that the conversation sees where no other did: the store says which.
        """
        below = delivery.wording == "also" or (delivery.kind == "reply" and not delivery.broadcast)
        if delivery.wording == "healed" or not alerts(delivery.event, alert_after, countable=countable):
            return (), False
        if delivery.kind == "reply" and works_again(delivery.event, alert_after):
            return (), True
        if calls is None:
            return names, delivery.broadcast and not below
        visible = delivery.broadcast or delivery.kind != "reply"
        first = await calls(delivery, (*names, EVERYBODY) if visible else names)
        called = tuple(name for name in names if name in first)
        return called, delivery.broadcast if not below else bool(called) or (delivery.broadcast and EVERYBODY in first)
