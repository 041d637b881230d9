"""Digests by the clock: the windows of now, and the tick for digests that are sent even if empty."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from relay.config import Config
from relay.domain.deliveries import Target, Window
from relay.policy.destinations import Destination, zone_at
from relay.policy.schedules import windows
from relay.policy.targets import Targets
from relay.store import Store


def at_hand(destination: Destination, config: Config, channels: Mapping[str, Any], now: float) -> Iterator[
    tuple[Target, Window]
]:  # fmt: skip
    """The addresses of a digest destination, each with the window that this moment is in."""
    zone = zone_at(destination, config.destination_defaults)
    for target in Targets(config, channels).for_digest(destination):
        yield target, windows(now, destination.at, destination.days, zone)[0]


class Digests:
    """Makes a digest with `when_empty: send` due at the end of its window, even if no event arrives.

    Its delivery is created while the window is open, so it goes out on time, and once, however many instances tick.
    """

    def __init__(self, store: Store, config: Callable[[], Config], channels: Mapping[str, Any]) -> None:
        self._store = store
        self._config = config
        self._channels = channels

    async def tick(self, now: float) -> None:
        """Raises StoreUnavailable; the next tick does what this one did not."""
        config = self._config()
        for destination in config.destinations.values():
            if destination.mode == "digest" and destination.sent_empty:
                for target, window in at_hand(destination, config, self._channels, now):
                    await self._store.bundles.schedule(target, window)
