"""Targets of an event by rules and by its own requests: the addresses that it reaches, and how each is served. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from relay.domain.deliveries import DeliveryOptions, Digest, Each, Gate, Limits, Live, Presentation, Target
from relay.domain.events import CRITICAL, FAILED, Batch, Event
from relay.policy.destinations import BATCH_INTERVALS, Channels, Destination, QuietHours, modes_at, zone_at
from relay.policy.matching import Reached
from relay.policy.presentation import (
    OUTCOME_EVENTS,
    OWNER,
    as_alarm,
    is_failing_member,
    presentation_for,
    reply_in_batch_thread,
)
from relay.policy.reachability import Configuration, own_host
from relay.policy.recipients import BY, NAME, RequestedRecipients, limit_of, requested_recipients
from relay.policy.retry import RetryPolicy
from relay.policy.schedules import windows
from relay.reasons import Held

MEMBER_ENDS = frozenset({"operation.completed", "operation.failed", "operation.cancelled"})
UPDATE_ONLY = Presentation(new_message=False)
NOBODY = RequestedRecipients({}, ())
_FREQUENT = frozenset({"operation.progress", "operation.phase.completed"})  # would repeat a denial too often


@dataclass(frozen=True, slots=True)
class Recipient:
    """A destination that an event reaches, and why: for a requested address, one made for it."""

    destination: Destination
    reached: Reached
    update_only: bool = False  # a rule already notifies the address: update its live message, never post


@dataclass(frozen=True, slots=True)
class Service:
    """Addresses, limits and options of a destination, whatever the event: only a reload changes them."""

    addresses: tuple[tuple[str, Limits], ...]
    options: DeliveryOptions
    hours: QuietHours | None
    zone: str


class Targets:
    """Makes the targets of one configuration; `channels` by name are classes that follow relay.channels.Channel."""

    def __init__(self, config: Configuration, channels: Channels) -> None:
        self.config = config
        self.matcher = config.matcher
        self._channels = channels
        self._services: dict[tuple[str, ...], Service] = {}  # by destination and owners, made when first reached
        self._live: dict[tuple[str, str], Destination] | None = None  # by channel and address

    def of(self, event: Event) -> tuple[Target, ...]:
        """Return the targets of an event, by rules and by request; denied requests are held, and so counted."""
        requested = self.requested(event)
        targets = [target for recipient in self.recipients(event, requested) for target in self.at(recipient, event)]
        if self.config.dynamic_destinations is not None and event.name not in _FREQUENT:
            targets += [
                Target(NAME, its.channel, its.address, hold_reason=Held.NOT_ALLOWED) for its in requested.denied
            ]
        return tuple(targets)

    def to(self, names: Iterable[str], event: Event) -> tuple[Target, ...]:
        """Return the targets at these destinations, whatever the rules say."""
        recipients = [Recipient(self._named(name, event), Reached(name, (), ())) for name in dict.fromkeys(names)]
        return tuple(target for recipient in recipients for target in self.at(recipient, event))

    def for_digest(self, destination: Destination) -> tuple[Target, ...]:
        """Return the targets of a digest, without an event that would reach them."""
        service = self.service(destination)
        target = Target(destination.name, destination.channel, "", how=Digest(service.zone), options=service.options)
        return tuple(replace(target, address=its, limits=replace(limits, edit=())) for its, limits in service.addresses)

    def service(self, destination: Destination, owners: tuple[str, ...] = ()) -> Service:
        """Return the service of a destination for jobs with these owners.

        The configuration's are made once, those for a request each time.
        """
        if self.config.destinations.get(destination.name) is not destination:
            return self._service(destination, owners)
        key = destination.name, *owners
        if key not in self._services:
            self._services[key] = self._service(destination, owners)
        return self._services[key]

    def _service(self, destination: Destination, owners: tuple[str, ...]) -> Service:
        defaults, settings = self.config.destination_defaults, self.config.channels.get(destination.channel)
        zone = zone_at(destination, defaults)
        new_limit = getattr(settings, "new_message_limit", None)
        cap = (new_limit.count, new_limit.per) if new_limit and destination.mode == "live" else None
        retry = (destination.retry or self.config.retry).model_dump(include=set(RetryPolicy.model_fields))
        language = destination.language or defaults.language or ""

        def limits(address: str) -> Limits:
            new, edit = self._channels[destination.channel].limits(address, settings)
            return Limits.of(new, edit, own_host=own_host(settings, address), new_message_cap=cap)

        return Service(
            tuple((address, limits(address)) for address in destination.addresses),
            DeliveryOptions(language, zone, destination.mention, retry, destination.alert_after or 0, owners),
            destination.quiet_hours or defaults.quiet_hours,
            zone,
        )

    def requested(self, event: Event) -> RequestedRecipients:
        """Return the recipients that the event's operation requests: granted and denied ones."""
        if event.operation is None or event.operation.audience is None:
            return NOBODY
        config = self.config
        return requested_recipients(event, config.dynamic_destinations, self._channels, config.channels)

    def recipients(self, event: Event, requested: RequestedRecipients) -> tuple[Recipient, ...]:
        """Return whom the rules reach, in their order, then by request whom they do not reach yet."""
        reached = self.matcher.reached(event)
        if event.name == "operation.recovered":  # the store knows where the alarm arrived
            reached = tuple(
                {row.destination: row for row in (*reached, *self.matcher.reached(as_alarm(event)))}.values()
            )
        named = [Recipient(self._named(row.destination, event), row) for row in reached]
        by_rule = [recipient for recipient in named if recipient.destination.addresses]
        recipients = (*by_rule, *self._by_request(by_rule, requested)) if requested.addresses else tuple(by_rule)
        if not event.quiet:
            return recipients
        return tuple(replace(its, update_only=True) for its in recipients if its.destination.mode == "live")

    def _named(self, name: str, event: Event) -> Destination:
        """Return the destination of this name, with the addresses of the event's owners where it is theirs."""
        destination = self.config.destinations[name]
        if OWNER not in destination.addresses:
            return destination
        owners = self.config.owner_emails(event)
        addresses = [its for named in destination.addresses for its in (owners if named == OWNER else [named])]
        return destination.model_copy(update={"addresses": tuple(dict.fromkeys(addresses))})

    def at(self, recipient: Recipient, event: Event) -> tuple[Target, ...]:
        """Return a target for each address of the recipient."""
        destination = recipient.destination
        owners = self.config.owners_of(event)
        service = self.service(destination, owners.names if owners else ())
        hold_reason = _hold_reason(event, recipient, self._channels[destination.channel])
        if not hold_reason and self._is_left_to_batch(event, recipient):
            hold_reason = Held.SHOWN_BY_BATCH
        presentation, how = _presentation(event, recipient), _how(event, recipient, service)
        hold, group = _failure(event, destination)
        escalate = _escalations(event, destination)
        by_request = recipient.reached.rules == (BY,) and not recipient.update_only
        return tuple(
            Target(
                destination.name,
                destination.channel,
                address,
                presentation=presentation,
                limits=self._limited(limits, destination.channel, address) if by_request else limits,
                hold_reason=hold_reason,
                how=how,
                options=service.options,
                hold=hold,
                group=group,
                escalate=escalate,
            )
            for address, limits in service.addresses
        )

    def _limited(self, limits: Limits, channel: str, address: str) -> Limits:
        allowed = self.config.dynamic_destinations
        return replace(limits, requested=limit_of(channel, address, allowed, self._channels))

    def _is_left_to_batch(self, event: Event, recipient: Recipient) -> bool:
        """Return whether the mail about its batch's end, which is sure to come here, covers this member's end."""
        destination = recipient.destination
        mailed = getattr(self._channels[destination.channel], "default_events", None) is not None
        if not (mailed and event.batch_open and event.name in MEMBER_ENDS) or recipient.reached.named:
            return False
        if destination.mode not in ("each", "outcomes"):
            return False
        if event.status in FAILED and event.operation and event.operation.priority == CRITICAL:
            return False
        end = replace(event, name="batch.completed", operation=None, batch=Batch(event.member_of, status="Completed"))
        return any(reached.destination == destination.name for reached in self.matcher.reached(end))

    def _by_request(self, by_rule: Iterable[Recipient], requested: RequestedRecipients) -> Iterator[Recipient]:
        """Return the recipients that no rule reaches; of those that one does, a live message alone is updated."""
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
        """Return the live destination at this address, so that an operation has one message there, or a new one."""
        if self._live is None:
            self._live = {}
            for destination in self.config.destinations.values():
                for named in destination.addresses if destination.mode == "live" else ():
                    self._live.setdefault((destination.channel, named), destination)
        if live := self._live.get((channel, address)):
            return live.model_copy(update={"addresses": (address,)})
        mode = modes_at(self._channels[channel], self.config.channels[channel], address)[0]
        return Destination(name=NAME, channel=channel, addresses=(address,), mode=mode)


def _presentation(event: Event, recipient: Recipient) -> Presentation:
    if recipient.update_only:
        return UPDATE_ONLY
    presentation = presentation_for(event, low_wanted=recipient.reached.low_wanted)
    return replace(presentation, batch_reply=True) if reply_in_batch_thread(event) else presentation


def _failure(event: Event, destination: Destination) -> tuple[float, float]:
    """Return the seconds that a failure is held in case it heals, and in which others of its cause are replies."""
    failing = event.name == "operation.failed" and event.status in FAILED
    # The sender of alerts waits and groups by itself; of two with one cause each is told, with its end.
    if destination.mode == "digest" or event.is_alert or not (failing or is_failing_member(event)):
        return 0.0, 0.0
    return destination.hold_failure if failing else 0.0, destination.group_errors


def _escalations(event: Event, destination: Destination) -> tuple[tuple[float, str], ...]:
    """Return after how many seconds a critical failure that is not taken is escalated, and where to."""
    critical = event.operation is not None and event.operation.priority == CRITICAL
    if not (critical and event.name == "operation.failed" and event.status in FAILED):
        return ()
    return tuple((step.after, step.to) for step in destination.escalate)


def _how(event: Event, recipient: Recipient, service: Service) -> Each | Live | Digest:
    destination, gates = recipient.destination, recipient.reached.gates
    now = event.received_at.timestamp()
    if destination.mode == "digest":
        return Digest(service.zone, windows(now, destination.at, destination.days, service.zone))
    quiet_window = service.hours.now(now, service.zone) if service.hours else None
    bypass = bool(service.hours and service.hours.lets_pass(event))
    if destination.mode != "live":
        return Each(gates, quiet_window, bypass)
    live = destination.live
    return Live(
        _widened(gates, live.min_step),
        quiet_window,
        bypass,
        post_after=live.post_after,
        min_interval=BATCH_INTERVALS * live.min_interval if event.about_batch else live.min_interval,
        update_only=recipient.update_only,
    )


@lru_cache(1024)
def _widened(gates: tuple[Gate, ...], min_step: float) -> tuple[Gate, ...]:
    """A live message has a gate of its own, so the wider of the two decides."""
    if not min_step:
        return gates
    return tuple(dict.fromkeys(Gate(max(gate.increment, min_step), gate.interval) for gate in gates or (Gate(),)))


def _hold_reason(event: Event, recipient: Recipient, channel: Any) -> str:
    """Return why there is no notification, where that is certain before the store is asked."""
    destination = recipient.destination
    if destination.mode == "outcomes" and event.name not in OUTCOME_EVENTS:
        return Held.NO_OUTCOME
    default_events = getattr(channel, "default_events", None)
    if destination.mode == "each" and default_events is not None and event.name not in default_events:
        return "" if recipient.reached.named else Held.NOT_MAILED
    return ""
