"""A quarantined body as the event that it is by today's rules, and its way into relay."""

from datetime import UTC, datetime

from relay.config import Config
from relay.domain.deliveries import Accepted
from relay.domain.documents import decode
from relay.domain.events import Event
from relay.domain.faults import handling
from relay.domain.parsing import parse
from relay.domain.permissions import Permissions
from relay.ingest import IngestEvent
from relay.receiving.permissions import source_permissions
from relay.receiving.signatures import EventIdentity
from relay.store.quarantine import Quarantined


def event_of(kept: Quarantined, config: Config, now: float) -> tuple[Event, Permissions | None]:
    """The event, and what its source may say. `now` is in seconds since the epoch.

    However old it is: whoever replays it knows. Raises NotJson or InvalidEvent if it still is none, NotPermitted if
    it is still not its source's to say, HandlingFailed if relay still fails on it.
    """
    source, permissions = config.sources.get(kept.source), source_permissions(config.sources).get(kept.source)
    read = permissions.read if permissions else parse
    with handling():
        event = read(
            decode(kept.body),
            source=kept.source,
            received_at=datetime.fromtimestamp(now, UTC),
            default_event=source.event if source else "",
            platform=source.platform if source else "",
            raw=kept.body,
            **EventIdentity.from_quarantine(kept.headers).ids(kept.body),
        )
    return event, permissions


async def take(kept: Quarantined, config: Config, ingest: IngestEvent, now: float) -> Accepted:
    """Ingest it. Raises what `event_of` and `Ingest.ingest` raise."""
    event, permissions = event_of(kept, config, now)
    return await ingest(event, permissions=permissions)
