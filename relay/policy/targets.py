"""From decisions to targets: the addresses that an event reaches, and how each is served. Pure.

Rules and the operation's own requests first give recipients; one pass then makes their targets.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from relay.domain.deliveries import DeliveryOptions, Digest, Each, Gate, Limits, Live, Presentation, Target
from relay.domain.events import Event
from relay.policy.destinations import Channels, Destination, DestinationOptions, modes_at, quiet_at, zone_at
from relay.policy.presentation import OUTCOME_EVENTS, presentation_for, reply_in_batch_thread
from relay.policy.recipients import BY, NAME, DynamicDestinations, RequestedRecipients, requested_recipients
from relay.policy.retry import RetryPolicy
from relay.policy.rules import Decision, Reached
from relay.policy.schedules import windows
from relay.reasons import Held

UPDATE_ONLY = Presentation(new_message=False)
_FREQUENT = frozenset({"operation.progress", "operation.phase.completed"})  # would repeat a denial too often


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


@dataclass(frozen=True, slots=True)
class Recipient:
    """A destination that an event reaches, and why: for a requested address, one made for it."""

    destination: Destination
    reached: Reached
    update_only: bool = False  # a rule already notifies the address: update its live message, never post


class Targets:
    """Makes the targets of one configuration; `channels` by name are classes that follow relay.channels.Channel."""

    def __init__(self, config: Configuration, channels: Channels) -> None:
        self._config = config
        self._channels = channels

    def of(self, decision: Decision) -> tuple[Target, ...]:
        """Everyone who should hear of the event, and whom its operation asks for in vain, which is counted."""
        requested = self.requested(decision.event)
        recipients = self.recipients(decision, requested)
        reached = [target for recipient in recipients for target in self.at(recipient, decision.event)]
        return (*reached, *self._denied(decision.event, requested))

    def for_digest(self, destination: Destination) -> tuple[Target, ...]:
        """The addresses of a digest, without an event that would reach them."""
        channel, how = destination.channel, Digest(zone_at(destination, self._config.destination_defaults))
        return tuple(
            Target(
                destination.name,
                channel,
                address,
                limits=replace(self._limits(channel, address), edit=()),
                how=how,
                options=self._delivery_options(destination),
            )
            for address in destination.addresses
        )

    def requested(self, event: Event) -> RequestedRecipients:
        """What becomes of the operation's own requests."""
        config = self._config
        return requested_recipients(event, config.dynamic_destinations, self._channels, config.channels)

    def recipients(self, decision: Decision, requested: RequestedRecipients) -> tuple[Recipient, ...]:
        """By the rules in their order, then by request what they do not reach yet."""
        by_rule = [Recipient(self._config.destinations[reached.destination], reached) for reached in decision.reached]
        return (*by_rule, *self._by_request(by_rule, requested))

    def at(self, recipient: Recipient, event: Event) -> tuple[Target, ...]:
        """A target for each address of the recipient."""
        destination = recipient.destination
        hold_reason = _hold_reason(event, recipient, self._channels[destination.channel])
        presentation, how = _presentation(event, recipient), self._how(event, recipient)
        options = self._delivery_options(destination)
        cap = self._new_message_cap(destination.channel) if isinstance(how, Live) else None
        return tuple(
            Target(
                destination.name,
                destination.channel,
                address,
                presentation=presentation,
                limits=replace(self._limits(destination.channel, address), new_message_cap=cap),
                hold_reason=hold_reason,
                how=how,
                options=options,
            )
            for address in destination.addresses
        )

    def _by_request(self, by_rule: Iterable[Recipient], requested: RequestedRecipients) -> Iterator[Recipient]:
        """What a rule reaches is not reached twice; its live message alone is updated by a request as well."""
        modes = {
            (destination.channel, address.casefold()): destination.mode
            for destination in (recipient.destination for recipient in by_rule)
            for address in destination.addresses
            if destination.mode != "digest"
        }
        for channel, addresses in requested.addresses.items():
            for address in addresses:
                destination = self._requested_destination(channel, address)
                mode = modes.get((channel, address.casefold()))
                if not mode or (mode != "live" and destination.mode == "live"):
                    reached = Reached(destination.name, (BY,), ())
                    yield Recipient(destination, reached, update_only=mode is not None)

    def _requested_destination(self, channel: str, address: str) -> Destination:
        """A live conversation that has a name keeps it: else one operation would have two messages there."""
        for destination in self._config.destinations.values():
            if destination.channel == channel and destination.mode == "live" and address in destination.addresses:
                return destination.model_copy(update={"addresses": (address,)})
        mode = modes_at(self._channels[channel], self._config.channels[channel], address)[0]
        return Destination(name=NAME, channel=channel, addresses=(address,), mode=mode)

    def _denied(self, event: Event, requested: RequestedRecipients) -> Iterator[Target]:
        if self._config.dynamic_destinations is not None and event.name not in _FREQUENT:
            for denied in requested.denied:
                yield Target(NAME, denied.channel, denied.address, hold_reason=Held.NOT_ALLOWED)

    def _how(self, event: Event, recipient: Recipient) -> Each | Live | Digest:
        destination, defaults, gates = recipient.destination, self._config.destination_defaults, recipient.reached.gates
        now = event.received_at.timestamp()
        if destination.mode == "digest":
            zone = zone_at(destination, defaults)
            return Digest(zone, windows(now, destination.at, destination.days, zone))
        hours = destination.quiet_hours or defaults.quiet_hours
        quiet_window, bypass = quiet_at(destination, defaults, now), bool(hours and hours.lets_pass(event))
        if destination.mode != "live":
            return Each(gates, quiet_window, bypass)
        live = destination.live
        return Live(
            _widened(gates, live.min_step),
            quiet_window,
            bypass,
            post_after=live.post_after,
            min_interval=live.batch_interval if event.about_batch else live.min_interval,
            update_only=recipient.update_only,
        )

    def _delivery_options(self, destination: Destination) -> DeliveryOptions:
        defaults = self._config.destination_defaults
        return DeliveryOptions(
            destination.language or defaults.language or "",
            zone_at(destination, defaults),
            destination.mention,
            (destination.retry or self._config.retry).model_dump(),
        )

    def _limits(self, channel: str, address: str) -> Limits:
        settings = self._config.channels.get(channel)
        own = getattr(settings, "own_credential", None)
        new, edit = self._channels[channel].limits(address, settings)
        return Limits.of(new, edit, own_credential=bool(own and own(address)))

    def _new_message_cap(self, channel: str) -> tuple[int, float] | None:
        cap = getattr(self._config.channels.get(channel), "new_message_limit", None)
        return (cap.count, cap.per) if cap else None


def _presentation(event: Event, recipient: Recipient) -> Presentation:
    if recipient.update_only:
        return UPDATE_ONLY
    presentation = presentation_for(event, low_wanted=recipient.reached.low_wanted)
    return replace(presentation, batch_reply=reply_in_batch_thread(event))


def _widened(gates: tuple[Gate, ...], min_step: float) -> tuple[Gate, ...]:
    """A live message has a gate of its own, so the wider of the two decides."""
    if not min_step:
        return gates
    return tuple(dict.fromkeys(Gate(max(gate.increment, min_step), gate.interval) for gate in gates or (Gate(),)))


def _hold_reason(event: Event, recipient: Recipient, channel: Any) -> str:
    """Why nobody there is notified, where that is certain before the store is asked."""
    destination = recipient.destination
    if destination.mode == "outcomes" and event.name not in OUTCOME_EVENTS:
        return Held.NO_OUTCOME
    default_events = getattr(channel, "default_events", None)
    if destination.mode == "each" and default_events is not None and event.name not in default_events:
        return "" if recipient.reached.named else Held.NOT_MAILED
    return ""
