"""From a parsed event to its deliveries: what is known is filled in, the rules decide, the store accepts.

The receiver, a replay from the quarantine and everything that makes events of its own go this one way.
"""

from collections.abc import Callable, Mapping
from typing import Any

import structlog

from relay.config import Config
from relay.deliveries import Accepted
from relay.events import Event, fill, incomplete
from relay.rules import decide, targets
from relay.store import Store

log = structlog.get_logger(__name__)


class Intake:
    """`config` is read anew for each event, so a reload takes effect between two of them."""

    def __init__(
        self,
        store: Store,
        config: Callable[[], Config],
        channels: Mapping[str, Any],
        wake: Callable[[], None] | None = None,
    ) -> None:
        self._store = store
        self._config = config
        self._channels = channels
        self._wake = wake

    async def take(self, event: Event) -> Accepted:
        """Make the event durable with everyone who should hear of it. Raises StoreUnavailable."""
        if incomplete(event):
            event = fill(event, await self._store.known(event.subject))
        config = self._config()
        decision = decide(event, config.rules)
        accepted = await self._store.accept(event, targets(decision, config.destinations, self._channels))
        if accepted.deliveries and self._wake:
            self._wake()
        log.info(
            "event.received",
            source=event.source,
            event_id=event.id,
            name=event.name,
            subject=event.subject,
            status=event.status,
            percentage=event.percentage,
            outcome=accepted.status,
            deliveries=accepted.deliveries,
            held=dict(accepted.held),
        )
        return accepted
