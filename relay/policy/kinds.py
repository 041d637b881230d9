"""What of an event decides who hears of it, and how: events of one kind have the same targets at one time. Pure.

A kind is made of words that the configuration or relay itself knows. What a sender writes beside them is one and the
same to all rules, so it is `OTHER`: there are as many kinds as the configuration tells apart, whatever is sent.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from relay.domain.event_patterns import KNOWN_EVENTS
from relay.domain.events import PRIORITIES, Event
from relay.policy.presentation import variant_of
from relay.policy.rules import MATCHED_STATUSES, Rule

OTHER: Final = object()  # a word that nobody asks for

Kind = tuple[object, ...]


class Kinds:
    """Those that these rules and channels tell apart."""

    def __init__(self, rules: Sequence[Rule], channels: Mapping[str, Any]) -> None:
        mailed = [name for channel in channels.values() for name in getattr(channel, "default_events", None) or ()]
        named = [name for rule in rules for name in rule.events]
        self._names = _Words({*KNOWN_EVENTS, *mailed, *named})
        self._sources, self._tenants, self._projects, self._types = (
            _Words(_asked(rules, field)) for field in ("sources", "tenants", "projects", "operation_types")
        )
        self._priorities = _AnyCase({*PRIORITIES, *_asked(rules, "priorities")})
        self._statuses = _AnyCase({*MATCHED_STATUSES, *_asked(rules, "statuses")})

    def of(self, event: Event) -> Kind:
        """All that rules, presentation, quiet hours and channels look at; not whom the operation asks to tell."""
        operation, batch = event.operation, event.batch
        type_ = priority = status = None
        if operation is not None:
            type_, priority = self._types[operation.type], self._priorities[operation.priority]
            status = self._statuses[operation.status]
        return (
            self._names[event.name],
            self._sources[event.source],
            self._tenants[event.tenant],
            self._projects[event.project],
            type_,
            priority,
            status,
            None if batch is None else self._statuses[batch.status],
            variant_of(event),
            event.batch_open,
        )


class _Words(dict[str, object]):
    """Each word that makes a difference, and `OTHER` for all others; '' is what is not stated."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__({word: word for word in ("", *words)})

    def __missing__(self, _: str) -> object:
        return OTHER


class _AnyCase(_Words):
    """Quiet hours read `FAILED` as `failed`, rules do not: another spelling is a word of its own."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__(words)
        self._lower = {word.lower() for word in self}

    def __missing__(self, word: str) -> object:
        return word if word.lower() in self._lower else OTHER


def _asked(rules: Sequence[Rule], field: str) -> set[str]:
    return {word for rule in rules for word in getattr(rule, field)}
