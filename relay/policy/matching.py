"""Which rules an event matches, asked of all of them at once: as many as there are cost next to nothing. Pure.

A set of rules is a number whose bit i is rule i. For each field it is known beforehand which rules ask nothing of it,
and for each value which rules want it. An event's rules are those that are in one of the two sets in every field.
`decide` asks rule by rule and says why; a test holds the two together.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from relay.domain.event_patterns import known_events
from relay.domain.events import Event
from relay.policy.rules import STATED, Reached, Rule, reached_by

FEW = 64  # rules that are kept as their numbers: a bit for each of 10,000 rules takes 1,250 bytes a value


class Matcher:
    """Made once for the rules of a configuration."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._by_event = {name: _compact(numbers) for name, numbers in _by_event(rules).items()}
        self._fields = [_Field(stated, [getattr(rule, name) for rule in rules]) for name, stated in STATED.items()]

    def reached(self, event: Event) -> tuple[Reached, ...]:
        """Where the rules lead that this event matches, as `decide` says it."""
        return reached_by(event, self._matching(event))

    def _matching(self, event: Event) -> Iterator[Rule]:
        rules = _bits(self._by_event.get(event.name, 0))
        for field in self._fields:
            if not rules:
                return
            rules &= field.bits(event)
        while rules:
            first = rules & -rules
            yield self._rules[first.bit_length() - 1]
            rules ^= first


class _Field:
    """One field of events, and what each rule accepts there; nothing is no condition."""

    def __init__(self, stated: Callable[[Event], str], accepted: Sequence[Sequence[str]]) -> None:
        wanting: dict[str, list[int]] = {}
        for number, values in enumerate(accepted):
            for value in values:
                wanting.setdefault(value, []).append(number)
        self._stated = stated
        self._indifferent = _bits([number for number, values in enumerate(accepted) if not values])
        self._wanting: Mapping[str, int | Sequence[int]] = {
            value: _compact(numbers) for value, numbers in wanting.items()
        }

    def bits(self, event: Event) -> int:
        """The rules that accept what the event states here."""
        wanting = self._wanting.get(self._stated(event), 0) if self._wanting else 0
        return self._indifferent | _bits(wanting)


def _by_event(rules: Iterable[Rule]) -> dict[str, list[int]]:
    """The rules that mean an event, by its name."""
    numbers_by_event: dict[str, list[int]] = {}
    for number, rule in enumerate(rules):
        for pattern in rule.events:
            for name in {*known_events(pattern), pattern}:  # it may be a name that relay does not know
                numbers_by_event.setdefault(name, []).append(number)
    return numbers_by_event


def _compact(numbers: Sequence[int]) -> int | Sequence[int]:
    return _bits(numbers) if len(numbers) > FEW else tuple(numbers)


def _bits(numbers: int | Sequence[int]) -> int:
    if isinstance(numbers, int):
        return numbers
    row = bytearray(max(numbers, default=0) // 8 + 1)
    for number in numbers:
        row[number // 8] |= 1 << number % 8
    return int.from_bytes(row, "little")
