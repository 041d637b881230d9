"""Which destinations an event reaches, and why, and why not. Pure.

All rules contribute. Every condition is traced with what was wanted and what the event said, so the answer to
"why did nobody hear of it?" is the decision itself and not a second account of it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from relay.configfile.validation import Duration, Section, Texts, known_name, one_or_more, spelled
from relay.domain.deliveries import Gate, Limit, Target
from relay.domain.events import PRIORITIES, STATUSES, Event
from relay.policy.destinations import Destination, DestinationOptions, quiet_at
from relay.policy.presentation import (
    KNOWN_EVENTS,
    MAILED_EVENTS,
    OUTCOME_EVENTS,
    presentation_for,
    reply_in_batch_thread,
)
from relay.policy.schedules import windows
from relay.reasons import Held

TOLD_STATUSES = (*dict.fromkeys((*STATUSES, "Stalled")),)  # what a platform says, and what relay finds by itself

NO_DEFAULTS = DestinationOptions()
Some = Annotated[Texts, Field(min_length=1)]
Pattern = Annotated[str, spelled(r"[A-Za-z*][\w.:*-]{0,127}", "an event's name, with * for any part of it")]


class Rule(Section):
    """Conditions on an event, all of which must hold, and the destinations that then hear of it.

    What is left out is no condition. The API's own spellings (`operationTypes`) are accepted too.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    sources: Some = ()
    tenants: Some = ()
    projects: Some = ()
    events: Annotated[tuple[Pattern, ...], one_or_more, Field(min_length=1)] = ("*",)
    operation_types: Some = ()
    priorities: Annotated[tuple[Annotated[str, known_name(PRIORITIES, "priority")], ...], one_or_more] = ()
    statuses: Annotated[tuple[Annotated[str, known_name(TOLD_STATUSES, "status")], ...], one_or_more] = ()
    min_progress_increment: Annotated[float, Field(ge=0, le=100)] = 0.0  # percentage points; for progress alone
    min_interval: Annotated[Duration, Field(le=604_800)] = 0.0  # for progress alone
    notify: Some

    @property
    def gate(self) -> Gate | None:
        """What progress must do to pass; None if all of it passes."""
        gate = Gate(self.min_progress_increment, self.min_interval)
        return gate if gate != Gate() else None


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a rule against one event. `actual` is empty where the event does not say."""

    name: str
    wanted: tuple[str, ...]
    actual: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Trace:
    """One rule against one event."""

    rule: str
    conditions: tuple[Condition, ...]
    notify: tuple[str, ...]

    @property
    def matches(self) -> bool:
        return all(condition.holds for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Reached:
    """A destination, the rules that lead to it, and the gates of which progress must pass one; none: no gate."""

    destination: str
    rules: tuple[str, ...]
    gates: tuple[Gate, ...]
    named: bool = False  # a rule names this very event
    low_wanted: bool = False  # a rule names the priority Low


@dataclass(frozen=True, slots=True)
class Decision:
    event: Event
    traces: tuple[Trace, ...]  # every rule, in the file's order
    reached: tuple[Reached, ...]  # in the order in which the rules name them, without repeats


# What each condition looks at. An event that does not say has no value that could be wanted.
STATED: Mapping[str, Callable[[Event], str]] = {
    "sources": lambda event: event.source,
    "tenants": lambda event: event.tenant,
    "projects": lambda event: event.project,
    "operation_types": lambda event: event.operation.type if event.operation else "",
    "priorities": lambda event: event.operation.priority if event.operation else "",
    "statuses": lambda event: event.status,
}


def decide(event: Event, rules: Iterable[Rule]) -> Decision:
    """Who hears of this event. Its gates hold for progress only, and it is the store that asks them."""
    traces: list[Trace] = []
    reasons: dict[str, list[Rule]] = {}
    for rule in rules:
        trace = Trace(rule.name, tuple(_conditions(event, rule)), rule.notify)
        traces.append(trace)
        for destination in dict.fromkeys(rule.notify) if trace.matches else ():
            reasons.setdefault(destination, []).append(rule)
    found = tuple(_reached(event, destination, because) for destination, because in reasons.items())
    return Decision(event, tuple(traces), found)


def targets(
    decision: Decision,
    destinations: Mapping[str, Destination],
    channels: Mapping[str, Any],
    settings: Mapping[str, Any] = MappingProxyType({}),
    defaults: DestinationOptions = NO_DEFAULTS,
) -> tuple[Target, ...]:
    """The addresses that the decision reaches, each with its gates, its manners and its channel's rate limits.

    `settings` are those of the channels, from which their limits come; `defaults` are what destinations leave open.
    """
    return tuple(
        replace(
            _target(decision.event, reached, destination, address, channels[destination.channel].limits(address, own)),
            **times,
        )
        for reached in decision.reached
        for destination in [destinations[reached.destination]]
        for own in [settings.get(destination.channel)]
        for times in [_times(decision.event, destination, own, defaults)]
        for address in destination.addresses
    )


def digest_targets(
    destination: Destination, channels: Mapping[str, Any], settings: Mapping[str, Any], defaults: DestinationOptions
) -> tuple[Target, ...]:
    """The addresses of a digest, without an event that would reach them."""
    name, zone, own = destination.channel, _zone(destination, defaults), settings.get(destination.channel)
    return tuple(
        Target(destination.name, name, address, "digest", new_limits=channels[name].limits(address, own)[0], zone=zone)
        for address in destination.addresses
    )


def fits(pattern: str, event: str) -> bool:
    """Whether an event's name is what a rule's `events` means.

    `*` stands for any part of the name of an event that relay knows. Of an unknown event nobody can say whom it
    concerns, so it reaches only rules that name it.
    """
    head, *middle = pattern.split("*")
    if not middle or event not in KNOWN_EVENTS:
        return pattern == event
    tail = middle.pop()
    position, end = len(head), len(event) - len(tail)
    if position > end or not event.startswith(head) or not event.endswith(tail):
        return False
    for part in middle:
        found = event.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _conditions(event: Event, rule: Rule) -> Iterable[Condition]:
    named = any(fits(pattern, event.name) for pattern in rule.events)
    yield Condition("events", rule.events, event.name, named)
    for name, stated in STATED.items():
        wanted: tuple[str, ...] = getattr(rule, name)
        if wanted:
            actual = stated(event)
            yield Condition(name, wanted, actual, actual in wanted)


def _reached(event: Event, destination: str, because: Sequence[Rule]) -> Reached:
    gates = [rule.gate for rule in because]
    distinct = tuple(dict.fromkeys(gate for gate in gates if gate))
    return Reached(
        destination,
        tuple(rule.name for rule in because),
        () if None in gates else distinct,
        named=any(event.name in rule.events for rule in because),
        low_wanted=any("Low" in rule.priorities for rule in because),
    )


def _target(
    event: Event,
    reached: Reached,
    destination: Destination,
    address: str,
    limits: tuple[tuple[Limit, ...], tuple[Limit, ...]],
) -> Target:
    new, edit = limits
    live = destination.live if destination.mode == "live" else None
    gates = reached.gates
    if live and live.min_step:  # a live message has a gate of its own, so the wider of the two decides
        gates = tuple(Gate(max(gate.increment, live.min_step), gate.interval) for gate in gates or (Gate(),))
    return Target(
        destination=destination.name,
        channel=destination.channel,
        address=address,
        mode=destination.mode,
        gates=tuple(dict.fromkeys(gates)),
        post_after=live.post_after if live else 0.0,
        min_interval=(live.batch_interval if event.about_batch else live.min_interval) if live else 0.0,
        new_limits=new,
        edit_limits=edit,
        presentation=presentation_for(event, low_wanted=reached.low_wanted),
        batch_reply=reply_in_batch_thread(event),
        hold_reason=_held(event, reached, destination),
    )


def _times(event: Event, destination: Destination, settings: Any, defaults: DestinationOptions) -> dict[str, Any]:
    """When it may be told there: in a digest's window, after quiet hours, under the cap on new messages."""
    now, zone = event.received_at.timestamp(), _zone(destination, defaults)
    if destination.mode == "digest":  # the newest state is told, whatever came before
        return {"windows": windows(now, destination.at, destination.days, zone), "zone": zone, "gates": ()}
    hours = destination.quiet_hours or defaults.quiet_hours
    cap = getattr(settings, "new_roots", None) if destination.mode == "live" else None
    return {
        "quiet_window": quiet_at(destination, defaults, now),
        "bypass_quiet_hours": bool(hours and hours.lets_pass(event)),
        "new_message_cap": (cap.count, cap.per) if cap else None,
    }


def _zone(destination: Destination, defaults: DestinationOptions) -> str:
    return destination.timezone or defaults.timezone or "UTC"


def _held(event: Event, reached: Reached, destination: Destination) -> str:
    """Why nobody is told of it there, where that is sure beforehand."""
    if destination.mode == "outcomes" and event.name not in OUTCOME_EVENTS:
        return Held.NO_OUTCOME
    if (destination.channel, destination.mode) == ("email", "each") and event.name not in MAILED_EVENTS:
        return "" if reached.named else Held.NOT_MAILED
    return ""
