"""Previews of digests."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from relay.background.upkeep import at_hand
from relay.config import Config
from relay.configfile.words import suggest
from relay.domain.deliveries import Target, Window
from relay.domain.events import Event
from relay.errors import RelayError
from relay.policy.destinations import Destination, zone_at
from relay.rendering import IsolatedRenderer
from relay.store import Store


@dataclass(frozen=True)
class DigestPreview:
    """The digest at hand of one address, as an event and as its message; `fault`: why in relay's own wording."""

    target: Target
    window: Window
    language: str
    event: Event
    content: Mapping[str, Any]
    fault: str


def digest_named(config: Config, name: str) -> Destination:
    """Return the digest destination of this name. RelayError if there is none."""
    digests = {row.name: row for row in config.destinations.values() if row.mode == "digest"}
    if name in digests:
        return digests[name]
    other = "is no digest" if name in config.destinations else "is no destination"
    raise RelayError(f"{name} {other}; {suggest(name, digests, '' if digests else 'none has mode: digest')}")


async def preview_of(
    destination: Destination,
    address: str | None,
    *,
    config: Config,
    channels: Mapping[str, Any],
    store: Store,
    renderer: IsolatedRenderer,
    now: float,
) -> DigestPreview:
    """Return the digest for this address (None: the first) at `now` (epoch seconds). RelayError if it is unknown."""
    chosen = [pair for pair in at_hand(destination, config, channels, now) if address in (None, pair[0].address)]
    if not chosen:
        name, hint = destination.name, suggest(address or "", destination.addresses)
        raise RelayError(f"{name} has no recipient {address}; {hint}")
    target, window = chosen[0]
    event = await store.bundles.preview(target, window)
    language = destination.language or config.language
    rendered = await renderer.message(
        target.channel,
        "digest",
        event,
        (),
        language=language,
        timezone=zone_at(destination, config.destination_defaults),
        now=event.occurred_at,
        destination=destination.name,
    )
    return DigestPreview(target, window, language, event, rendered.content, rendered.fault)
