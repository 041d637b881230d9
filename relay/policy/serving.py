"""How each destination is served, whatever the event: what only a reload changes, or the clock. Pure.

It is worked out where a destination is first reached, and kept; the answers of its clocks as long as they hold.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from typing import Any, Generic, Protocol, TypeVar

from relay.domain.deliveries import DeliveryOptions, Limits, Window
from relay.policy.destinations import Channels, Destination, DestinationOptions, QuietHours, zone_at
from relay.policy.recipients import DynamicDestinations
from relay.policy.retry import RetryPolicy
from relay.policy.rules import Rule
from relay.policy.schedules import ALWAYS, quiet_stretch, windows

Answer = TypeVar("Answer")


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


class Clock(Generic[Answer]):
    """A question that depends on the time, asked again only where its answer does not hold any more."""

    def __init__(self, ask: Callable[[float], tuple[Answer, Window]]) -> None:
        self._ask = ask
        self._last: tuple[Answer, Window] | None = None

    def at(self, now: float) -> tuple[Answer, Window]:
        """The answer at this moment, and the stretch around it in which it is the same."""
        if self._last is None or not self._last[1].start <= now < self._last[1].end:
            self._last = self._ask(now)
        return self._last


QuietClock = Clock[Window | None]
DigestClock = Clock[tuple[Window, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class Service:
    """How one destination is served."""

    destination: Destination
    addresses: tuple[tuple[str, Limits], ...]
    options: DeliveryOptions
    hours: QuietHours | None
    quiet: QuietClock
    zone: str
    digest: DigestClock | None  # of a digest alone


class Serving:
    """How the destinations of one configuration are served."""

    def __init__(self, config: Configuration, channels: Channels) -> None:
        self._config = config
        self._channels = channels
        self._services: dict[str, Service] = {}
        self._quiet: dict[tuple[QuietHours | None, str], QuietClock] = {}
        self._digests: dict[tuple[object, ...], DigestClock] = {}
        self._all_known = False

    def of(self, destination: Destination) -> Service:
        """It is kept for a destination of the configuration, not for one that an operation asked for."""
        kept = self._services.get(destination.name)
        if kept is not None and kept.destination is destination:
            return kept
        service = self._service(destination)
        if self._config.destinations.get(destination.name) is destination:
            self._services[destination.name] = service
        return service

    def stretch(self, now: float) -> Window:
        """The time around this moment in which no quiet hours and no window of a digest begin or end, anywhere."""
        if not self._all_known:
            defaults = self._config.destination_defaults
            self._quiet_clock(defaults.quiet_hours, zone_at(defaults, defaults))
            for destination in self._config.destinations.values():
                self.of(destination)
            self._all_known = True
        clocks: list[Clock[Any]] = [*self._quiet.values(), *self._digests.values()]
        held = [clock.at(now)[1] for clock in clocks]
        return Window(
            max((window.start for window in held), default=-inf), min((window.end for window in held), default=inf)
        )

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
            self._quiet_clock(hours, zone),
            zone,
            self._digest_clock(destination, zone) if destination.mode == "digest" else None,
        )

    def _quiet_clock(self, hours: QuietHours | None, zone: str) -> QuietClock:
        """One for all destinations that have these hours in this zone."""
        if (hours, zone) not in self._quiet:
            self._quiet[hours, zone] = Clock(partial(_quiet, hours, zone))
        return self._quiet[hours, zone]

    def _digest_clock(self, destination: Destination, zone: str) -> DigestClock:
        schedule = destination.at, destination.days, zone
        if schedule not in self._digests:
            self._digests[schedule] = Clock(partial(_windows, destination, zone))
        return self._digests[schedule]

    def _new_message_cap(self, channel: str) -> tuple[int, float] | None:
        cap = getattr(self._config.channels.get(channel), "new_message_limit", None)
        return (cap.count, cap.per) if cap else None


def _quiet(hours: QuietHours | None, zone: str, now: float) -> tuple[Window | None, Window]:
    return (hours.now(now, zone), quiet_stretch(now, hours.clock, zone)) if hours else (None, ALWAYS)


def _windows(destination: Destination, zone: str, now: float) -> tuple[tuple[Window, ...], Window]:
    at_hand, following = windows(now, destination.at, destination.days, zone)
    return (at_hand, following), at_hand
