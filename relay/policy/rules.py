"""Rules: conditions on events, and the destinations that events reach when all conditions hold."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

from pydantic import ConfigDict, Field, create_model
from pydantic.alias_generators import to_camel

from relay.configfile.validation import Duration, Section, Texts, known_name, one_or_more, spelled
from relay.domain.declared import Declared, declared
from relay.domain.deliveries import Gate
from relay.domain.event_names import PATTERN
from relay.domain.events import TEXTS, Event

Some = Annotated[Texts, Field(min_length=1)]
Pattern = Annotated[str, spelled(PATTERN, "an event's name, with * for any part of it")]


class RuleCondition(NamedTuple):
    """A condition that rules may have: what they accept, and how an event states it ('' where it does not)."""

    accepts: Any
    stated: Callable[[Event], str]


def _declared() -> Iterator[tuple[str, RuleCondition]]:
    for name, field in declared(Event).items():
        if name == "status":  # the status decides last
            yield from (_condition(name, text, _of_operation(name)) for name, text in TEXTS.items() if text.condition)
        yield _condition(name, field, attrgetter(name))


def _condition(name: str, field: Declared, stated: Callable[[Event], str]) -> tuple[str, RuleCondition]:
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
else:
    _Conditions = create_model(
        "_Conditions", __base__=Section, **{name: (condition.accepts, ()) for name, condition in CONDITIONS.items()}
    )


class Rule(_Conditions):
    """Conditions on an event, all of which must hold, and the destinations that then hear of it.

    What is left out is no condition. The API's own spellings (`operationTypes`) are accepted too.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)

    name: Annotated[str, Field(min_length=1, max_length=100)]
    events: Annotated[tuple[Pattern, ...], one_or_more, Field(min_length=1)] = ("*",)
    min_progress_increment: Annotated[float, Field(ge=0, le=100)] = 0.0  # percentage points; for progress alone
    min_interval: Annotated[Duration, Field(le=604_800)] = 0.0  # for progress alone
    notify: Some

    @property
    def gate(self) -> Gate | None:
        """What progress must do to pass; None if all of it passes."""
        if not (self.min_progress_increment or self.min_interval):
            return None
        return Gate(self.min_progress_increment, self.min_interval)


OTHER_KEYS = frozenset({"name", "events", "min_progress_increment", "min_interval", "notify"})


def refuse_undeclared(rule: type[Section], conditions: Sequence[str]) -> None:
    """Raise TypeError where rules and the fields declared in relay/domain/events.py do not fit each other."""
    for key in rule.model_fields.keys() - OTHER_KEYS - {*conditions}:
        raise TypeError(f"{key}: no field is declared for this condition of rules, so all events would fulfil it")
    for key in conditions:
        if key in OTHER_KEYS or conditions.count(key) > 1:
            raise TypeError(f"{key}: a field is declared for a key of rules that means something else; rename it")


refuse_undeclared(Rule, [name for name, _ in _DECLARED])
