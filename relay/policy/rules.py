"""Which destinations an event reaches, and why, and why not. Pure.

All rules contribute. Here every condition is traced with what it accepts and what the event states, so the answer to
"why did nobody hear of it?" is a decision itself and not a second account of it. For what is received, where nobody
asks why, `relay.policy.matching` asks all rules at once; a test holds the two together.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from relay.configfile.validation import Duration, Section, Texts, known_name, one_or_more, spelled
from relay.domain.deliveries import Gate
from relay.domain.event_patterns import PATTERN, fits
from relay.domain.events import PRIORITIES, STATUSES, Event

MATCHED_STATUSES = (*dict.fromkeys((*STATUSES, "Stalled")),)  # what a platform says, and what relay finds by itself

Some = Annotated[Texts, Field(min_length=1)]
Pattern = Annotated[str, spelled(PATTERN, "an event's name, with * for any part of it")]


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
    statuses: Annotated[tuple[Annotated[str, known_name(MATCHED_STATUSES, "status")], ...], one_or_more] = ()
    min_progress_increment: Annotated[float, Field(ge=0, le=100)] = 0.0  # percentage points; for progress alone
    min_interval: Annotated[Duration, Field(le=604_800)] = 0.0  # for progress alone
    notify: Some

    @property
    def gate(self) -> Gate | None:
        """What progress must do to pass; None if all of it passes."""
        if not (self.min_progress_increment or self.min_interval):
            return None
        return Gate(self.min_progress_increment, self.min_interval)


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
    matching: list[Rule] = []
    for rule in rules:
        trace = Trace(rule.name, tuple(_conditions(event, rule)), rule.notify)
        traces.append(trace)
        if trace.matches:
            matching.append(rule)
    return Decision(event, tuple(traces), reached_by(event, matching))


def reached_by(event: Event, matching: Iterable[Rule]) -> tuple[Reached, ...]:
    """Where these rules lead, all of which the event matches."""
    reasons: dict[str, list[Rule]] = {}
    for rule in matching:
        for destination in dict.fromkeys(rule.notify):
            reasons.setdefault(destination, []).append(rule)
    return tuple(_reached(event, destination, because) for destination, because in reasons.items())


def _conditions(event: Event, rule: Rule) -> Iterable[Condition]:
    named = any(fits(pattern, event.name) for pattern in rule.events)
    yield Condition("events", rule.events, event.name, named)
    for name, stated in STATED.items():
        accepted: tuple[str, ...] = getattr(rule, name)
        if accepted:
            actual = stated(event)
            yield Condition(name, accepted, actual, actual in accepted)


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
