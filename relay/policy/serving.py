"""How each destination is served, whatever the event: what only a reload changes. Pure.

It is worked out where a destination is first reached, and kept.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from relay.domain.deliveries import DeliveryOptions
from relay.domain.limits import Limits
from relay.policy.destinations import Channels, Destination, DestinationOptions, QuietHours, zone_at
from relay.policy.recipients import DynamicDestinations
from relay.policy.retry import RetryPolicy
from relay.policy.rules import Rule


class Configuration(Protocol):
    """The part of `relay.config.Config` that decides over targets."""

    @property
    def channels(self) -> Mapping[str, Any]: ...
    @property
    def destinations(self) -> Mapping[str, Destination]: ...
    @property
    def dynamic_destinations(self) -> DynamicDestinations | None: ...
    @property
    def destination_defaults(self) -> DestinationOptions: ...
    @property
    def retry(self) -> RetryPolicy: ...
    @property
    def rules(self) -> tuple[Rule, ...]: ...


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """How one destination is served."""

    destination: Destination
    addresses: tuple[tuple[str, Limits], ...]
    options: DeliveryOptions
    hours: QuietHours | None
    zone: str


class Serving:
    """How the destinations of one configuration are served."""

    def __init__(self, config: Configuration, channels: Channels) -> None:
        self._config = config
        self._channels = channels
        self._services: dict[str, Service] = {}

    def of(self, destination: Destination) -> Service:
        """It is kept for a destination of the configuration, not for one that an operation asked for."""
        kept = self._services.get(destination.name)
        if kept is not None and kept.destination is destination:
            return kept
        service = self._service(destination)
        if self._config.destinations.get(destination.name) is destination:
            self._services[destination.name] = service
        return service

    def limits(self, channel: str, address: str) -> Limits:
        """What the messages to an address run under, but for the cap on live ones."""
        settings = self._config.channels.get(channel)
        own = getattr(settings, "own_host", None)
        new, edit = self._channels[channel].limits(address, settings)
        return Limits.of(new, edit, own_host=own(address) if own else "")

    def _service(self, destination: Destination) -> Service:
        defaults = self._config.destination_defaults
        hours, zone = destination.quiet_hours or defaults.quiet_hours, zone_at(destination, defaults)
        cap = self._new_message_cap(destination.channel) if destination.mode == "live" else None
        return Service(
            destination,
            tuple(
                (address, replace(self.limits(destination.channel, address), new_message_cap=cap))
                for address in destination.addresses
            ),
            DeliveryOptions(
                destination.language or defaults.language or "",
                zone,
                destination.mention,
                (destination.retry or self._config.retry).model_dump(include=set(RetryPolicy.model_fields)),
                destination.alert_after or 0,
            ),
            hours,
            zone,
        )

    def _new_message_cap(self, channel: str) -> tuple[int, float] | None:
        cap = getattr(self._config.channels.get(channel), "new_message_limit", None)
        return (cap.count, cap.per) if cap else None
