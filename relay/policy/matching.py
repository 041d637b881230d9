"""Rules: conditions on events and the destinations to notify, and the rules that an event fulfils."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel

from relay.configfile.validation import Duration, Section, Texts, known_name, one_or_more, spelled
from relay.domain.deliveries import Gate
from relay.domain.events import TEXTS, Event
from relay.domain.fields import Declared, declared
from relay.domain.identity import PATTERN, known_events
from relay.domain.labels import MAX_NAME, labels_of

Some = Annotated[Texts, Field(min_length=1)]
Pattern = Annotated[str, spelled(PATTERN, "an event's name, with * for any part of it")]
OTHER_KEYS = frozenset({"name", "events", "min_progress_increment", "min_interval", "notify"})
KINDS = 4096  # of events that are remembered, by what they state
EVENTS = "events"  # every rule has this condition
LabelName = Annotated[str, Field(min_length=1, max_length=MAX_NAME)]


class RuleCondition(NamedTuple):
    """A condition that rules may have: what they accept, and how an event states it ('' where it does not)."""

    accepts: Any
    stated: Callable[[Event], str]
    labels: bool = False  # one for each label that a rule names


def _declared() -> Iterator[tuple[str, RuleCondition]]:
    for name, field in declared(Event).items():
        if name == "status":  # the status decides last
            yield from (_condition(name, text, _of_operation(name)) for name, text in TEXTS.items() if text.condition)
        yield _condition(name, field, attrgetter(name))


def _condition(name: str, field: Declared, stated: Callable[[Event], str]) -> tuple[str, RuleCondition]:
    if field.labels:
        return field.condition, RuleCondition(dict[LabelName, Some], stated, labels=True)
    word = Annotated[str, known_name(field.words, name)]
    return field.condition, RuleCondition(Annotated[tuple[word, ...], one_or_more] if field.words else Some, stated)


def _of_operation(name: str) -> Callable[[Event], str]:
    return lambda event: getattr(event.operation, name, "")


_DECLARED = [*_declared()]
CONDITIONS: Mapping[str, RuleCondition] = dict(_DECLARED)

if TYPE_CHECKING:  # those that code names

    class _Conditions(Section):
        sources: tuple[str, ...] = ()
        tenants: tuple[str, ...] = ()
        projects: tuple[str, ...] = ()
        operation_types: tuple[str, ...] = ()
        priorities: tuple[str, ...] = ()
        statuses: tuple[str, ...] = ()
        where: Mapping[str, tuple[str, ...]] = {}
else:
    _Conditions = create_model(
        "_Conditions",
        __base__=Section,
        **{name: (its.accepts, {} if its.labels else ()) for name, its in CONDITIONS.items()},
    )


class Rule(_Conditions):
    """Conditions on an event, all of which must hold, and the destinations to notify. `operationTypes` is accepted."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    events: Annotated[tuple[Pattern, ...], one_or_more, Field(min_length=1)] = ("*",)
    min_progress_increment: Annotated[float, Field(ge=0, le=100)] = 0.0  # percentage points; for progress alone
    min_interval: Annotated[Duration, Field(le=604_800)] = 0.0  # for progress alone
    notify: Some

    @property
    def gate(self) -> Gate | None:
        """Return the gate for progress; None if all of it passes."""
        gate = Gate(self.min_progress_increment, self.min_interval)
        return gate if gate != Gate() else None


def refuse_undeclared(rule: type[Section], conditions: Sequence[str]) -> None:
    """Raise TypeError where rules and the fields declared in relay/domain/events.py do not fit each other."""
    for key in rule.model_fields.keys() - OTHER_KEYS - {*conditions}:
        raise TypeError(f"{key}: no field is declared for this condition of rules, so all events would fulfil it")
    for key in conditions:
        if key in OTHER_KEYS or conditions.count(key) > 1:
            raise TypeError(f"{key}: a field is declared for a key of rules that means something else; rename it")


refuse_undeclared(Rule, [name for name, _ in _DECLARED])


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


Accepted = tuple[str, tuple[str, ...], Callable[[str], bool]]  # a condition, what the rule wants, what fulfils that


class Matcher:
    """The rules of one configuration. All that match contribute; a destination is reached once."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._rules = [(rule, [*_accepted(rule)]) for rule in rules]
        names = dict.fromkeys(name for _, conditions in self._rules for name, _, _ in conditions)
        self._stated = {name: _reader(name) for name in names}
        # What decides is what is stated, and few kinds of events make up a day: thousands of rules cost them nothing.
        self._reached_by = lru_cache(KINDS)(self._match)

    def asks(self, condition: str) -> bool:
        """Return whether a rule has this condition."""
        return condition in self._stated

    def reached(self, event: Event) -> tuple[Reached, ...]:
        """Return the destinations in the order in which rules name them. The store applies their gates."""
        return self._reached_by(self._values(event))

    def _values(self, event: Event) -> tuple[str, ...]:
        return tuple([stated(event) for stated in self._stated.values()])

    def _match(self, values: tuple[str, ...]) -> tuple[Reached, ...]:
        stated = dict(zip(self._stated, values, strict=True))
        matching: dict[str, list[Rule]] = {}
        for rule, conditions in self._rules:
            for name, _, accepts in conditions:
                if not accepts(stated[name]):
                    break
            else:
                for destination in dict.fromkeys(rule.notify):
                    matching.setdefault(destination, []).append(rule)
        return tuple(_reached(stated[EVENTS], destination, rules) for destination, rules in matching.items())

    def traces(self, event: Event) -> tuple[Trace, ...]:
        """Return every rule with each of its conditions, in the order of the file."""
        stated = dict(zip(self._stated, self._values(event), strict=True))
        return tuple(
            Trace(
                rule.name,
                tuple([Condition(name, wanted, stated[name], ok(stated[name])) for name, wanted, ok in conditions]),
                rule.notify,
            )
            for rule, conditions in self._rules
        )


def _reader(name: str) -> Callable[[Event], str]:
    """Return how an event states a condition, or a label of one: `where.branch`."""
    condition, _, label = name.partition(".")
    stated = attrgetter("name") if name == EVENTS else CONDITIONS[condition].stated
    return (lambda event: labels_of(stated(event)).get(label, "")) if label else stated


def _accepted(rule: Rule) -> Iterator[Accepted]:
    """Return the conditions that the rule has, and the values that fulfil each."""
    # A pattern reaches known events alone; an unknown event only where a rule names it.
    yield EVENTS, rule.events, frozenset({*rule.events}.union(*map(known_events, rule.events))).__contains__
    for name, condition in CONDITIONS.items():
        patterns = getattr(rule, name)
        if condition.labels:
            yield from ((f"{name}.{label}", words, _one_of(words)) for label, words in patterns.items())
        elif patterns:
            yield name, patterns, frozenset(patterns).__contains__


def _one_of(words: Iterable[str]) -> Callable[[str], bool]:
    matches = wildcards(words).fullmatch
    return lambda text: bool(text) and matches(text.casefold()) is not None


def wildcards(words: Iterable[str]) -> re.Pattern[str]:
    """Return the pattern that any of these matches in small letters: `*` stands for any part of a text."""
    return re.compile("|".join(translate(re.sub(r"[\[?]", r"[\g<0>]", word.casefold())) for word in words))


def _reached(event: str, destination: str, rules: Sequence[Rule]) -> Reached:
    gates = [rule.gate for rule in rules]
    return Reached(
        destination,
        tuple(rule.name for rule in rules),
        () if None in gates else tuple(dict.fromkeys(gate for gate in gates if gate)),
        named=any(event in rule.events for rule in rules),
        low_wanted=any("Low" in rule.priorities for rule in rules),
    )
