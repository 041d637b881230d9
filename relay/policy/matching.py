"""Match events against rules, and trace why a rule matches or does not. Pure.

A plain loop over the rules: about 0.1 µs for a rule that does not match, where an event costs milliseconds to receive.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from relay.domain.deliveries import Gate
from relay.domain.event_names import known_events
from relay.domain.events import Event
from relay.policy.rules import CONDITIONS, Rule

EVENTS = "events"  # the one condition with patterns; every rule has it


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of a rule against one event. `actual` is empty where the event does not state it."""

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


class Matcher:
    """The rules of one configuration. All that match contribute; a destination is reached once."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = [(rule, [*_accepted(rule)]) for rule in rules]

    def reached(self, event: Event) -> tuple[Reached, ...]:
        """Return the destinations in the order in which rules name them. The store applies their gates."""
        stated = _stated(event)
        matching: dict[str, list[Rule]] = {}
        for rule, conditions in self._rules:
            for name, accepted in conditions:
                if stated[name] not in accepted:
                    break
            else:
                for destination in dict.fromkeys(rule.notify):
                    matching.setdefault(destination, []).append(rule)
        return tuple(_reached(event, destination, rules) for destination, rules in matching.items())

    def traces(self, event: Event) -> tuple[Trace, ...]:
        """Return every rule with each of its conditions, in the order of the file."""
        stated = _stated(event)
        return tuple(
            Trace(
                rule.name,
                tuple(
                    [Condition(name, getattr(rule, name), stated[name], stated[name] in ok) for name, ok in conditions]
                ),
                rule.notify,
            )
            for rule, conditions in self._rules
        )


def _stated(event: Event) -> dict[str, str]:
    return {EVENTS: event.name} | {name: condition.stated(event) for name, condition in CONDITIONS.items()}


def _accepted(rule: Rule) -> Iterator[tuple[str, frozenset[str]]]:
    """The conditions that the rule has, and the values that fulfil each."""
    # A pattern reaches known events alone; an unknown event only where a rule names it.
    yield EVENTS, frozenset({*rule.events}.union(*map(known_events, rule.events)))
    for name in CONDITIONS:
        if values := getattr(rule, name):
            yield name, frozenset(values)


def _reached(event: Event, destination: str, rules: Sequence[Rule]) -> Reached:
    gates = [rule.gate for rule in rules]
    return Reached(
        destination,
        tuple(rule.name for rule in rules),
        () if None in gates else tuple(dict.fromkeys(gate for gate in gates if gate)),
        named=any(event.name in rule.events for rule in rules),
        low_wanted=any("Low" in rule.priorities for rule in rules),
    )
