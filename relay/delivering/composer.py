"""A delivery as the notification that its channel sends: enriched, rendered, with its buttons, mentions and links.

Nothing here leaves relay, so all of it may be done again: every attempt composes anew.
"""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog

from relay import metrics
from relay.config import Config
from relay.delivering.audience import Calls, audience
from relay.delivering.repeats import Repeats
from relay.domain.deliveries import Delivery, DeliveryOptions, Notification
from relay.domain.events import OPERATOR_EVENTS, Event
from relay.domain.outcome_fields import outcome_of
from relay.domain.outcomes import too_quick
from relay.policy.presentation import mentions_for
from relay.policy.recipients import mentions
from relay.rendering import IsolatedRenderer

log = structlog.get_logger(__name__)


class Composer:
    """`config` and `renderer` are asked anew each time, so a reload needs no restart.

    enrich       adds to a delivery what its event left out; it is quick, and never raises
    past         adds how runs of its job ended before it; it never raises either
    unsubscribe  makes the address where the reader of a delivery, in this language, ends it; '' for none
    buttons      gives those under its message, as templates get them
    calls        those of these names whom no other failure of the same cause has called yet
    """

    def __init__(
        self,
        config: Callable[[], Config],
        renderer: Callable[[], IsolatedRenderer],
        *,
        clock: Callable[[], float] = time.time,
        enrich: Callable[[Delivery], Awaitable[Delivery]] | None = None,
        past: Callable[[Delivery], Awaitable[Delivery]] | None = None,
        unsubscribe: Callable[[Delivery, str], Awaitable[str]] | None = None,
        buttons: Callable[[Delivery], Awaitable[Sequence[Mapping[str, str]]]] | None = None,
        calls: Calls | None = None,
    ) -> None:
        self._config = config
        self._renderer = renderer
        self._clock = clock
        self._enrich = enrich
        self._past = past
        self._unsubscribe = unsubscribe
        self._buttons = buttons
        self._calls = calls
        self._repeats = Repeats()

    async def compose(self, delivery: Delivery, *, renders: bool = True) -> Notification:
        """`renders`: the channel sends a message; otherwise it gets the event's own document.

        Raises StoreUnavailable.
        """
        if self._enrich:
            delivery = await self._enrich(delivery)
        countable = False
        if self._past and renders:
            delivery, without = await self._past(delivery), delivery
            countable = delivery is not without
        config = self._config()
        destination = config.destinations.get(delivery.destination)
        options = delivery.options or DeliveryOptions(mention=destination.mention if destination else {})
        language = options.language or (destination and destination.language) or config.language
        timezone = options.timezone or (destination and destination.timezone) or config.timezone
        unsubscribe = None if delivery.event.name in OPERATOR_EVENTS else self._unsubscribe  # it would not end these
        link = await unsubscribe(delivery, language) if unsubscribe else ""
        requested = mentions(delivery.event, config.dynamic_destinations)
        names = mentions_for(delivery.event, delivery.history, options.mention, requested=requested)
        after = options.alert_after or (destination and destination.alert_after) or 0
        called, broadcast = await audience(delivery, names, self._calls, alert_after=after, countable=countable)
        content = await self._content(delivery, language, timezone, link) if renders else delivery.event.document
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
            mentions=called,
            broadcast=broadcast or (delivery.kind == "reply" and _too_quick(delivery.event, config)),
            unsubscribe=link,
            unknown=delivery.unknown,
            space=delivery.event.space(delivery.event.subject),
            labels=delivery.event.labels,
            lane=delivery.lane,
        )

    async def _content(self, delivery: Delivery, language: str, timezone: str, unsubscribe: str) -> Mapping[str, Any]:
        """As the templates say; if one fails, in relay's own wording: a template's fault never costs a message."""
        buttons = await self._buttons(delivery) if self._buttons else ()
        # Last of all: a reload closes the renderer of before as soon as it has done what it was asked for by then.
        renderer, now = self._renderer(), self._clock()
        minute = now // 60  # a message names the days by how long ago they are
        settings = renderer, delivery.channel, delivery.form, delivery.destination, language, timezone, minute
        if not (buttons or delivery.mishap) and (repeated := self._repeats.find(settings, delivery, unsubscribe)):
            return repeated
        rendered = await renderer.message(
            delivery.channel,
            delivery.form,
            delivery.event,
            delivery.history,
            language=language,
            timezone=timezone,
            now=datetime.fromtimestamp(now, UTC),
            destination=delivery.destination,
            unsubscribe=unsubscribe,
            buttons=buttons,
            healed=delivery.mishap,
        )
        if rendered.fault:
            log.error("template.failed", channel=delivery.channel, name=delivery.event.name, error=rendered.fault)
            metrics.template_failures.labels(delivery.channel).inc()
        elif rendered.own and not (buttons or delivery.mishap):
            self._repeats.keep(settings, delivery, unsubscribe, rendered.content)
        return rendered.content


def _too_quick(event: Event, config: Config) -> bool:
    """Whether the whole conversation should see its end, because it came so soon."""
    percent = config.watchdog.quick_pct if config.watchdog else None
    done = event.name == "operation.completed" and event.status == "Completed"
    return done and bool(event.past) and too_quick(event.past, outcome_of(event).duration, percent)
