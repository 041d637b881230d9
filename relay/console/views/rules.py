"""Rules with their conditions, as `relay.operating.explanation` gives them: which of many are worth a look. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

MOST_RULES = 50  # that are shown of one event

Rule = Mapping[str, Any]


def nearest(rules: Sequence[Rule]) -> list[Rule]:
    """Those that hold, and those that miss least, in the configuration's order."""
    if len(rules) <= MOST_RULES:
        return [*rules]
    order = sorted(range(len(rules)), key=lambda number: misses(rules[number]))
    return [rules[number] for number in sorted(order[:MOST_RULES])]


def misses(rule: Rule) -> int:
    """How many of its conditions do not hold."""
    return sum(not condition["holds"] for condition in rule["conditions"])


def by_destination(rules: Iterable[Rule]) -> dict[str, list[Rule]]:
    """The rules that notify each."""
    rows: dict[str, list[Rule]] = {}
    for rule in rules:
        for name in rule["notify"]:
            rows.setdefault(name, []).append(rule)
    return rows
