"""Rules with their conditions, of one event: which of many are worth a look, and what keeps it from a destination."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from relay.console.context import Context
from relay.console.facts import N_, Facts, Phrase, phrase
from relay.console.views.verdicts import Verdict
from relay.domain.events import Event
from relay.operating.explanation import explanation_of

MOST_RULES = 50  # that are shown of one event
Rule = Mapping[str, Any]  # as `relay.operating.explanation` gives it


class Explained(Facts):
    """An event that is kept, and what today's rules say of it (as `relay explain EVENT.json --json`).

    `more_rules` are left out: others miss fewer of its conditions.
    """

    name: str
    at: datetime
    explanation: dict[str, Any]
    more_rules: int = 0


async def explained(context: Context, events: Sequence[Event]) -> tuple[list[Explained], Sequence[Rule]]:
    """Return the newest first, and every rule as it is of that one. Between two of them others have their turn."""
    rows, newest = list[Explained](), list[Rule]()
    for event in reversed(events):
        explanation = explanation_of(event, context.config(), context.kinds)
        newest = newest or explanation["rules"]
        shown, more = nearest(explanation["rules"])
        explanation |= {"rules": shown}
        rows.append(Explained(name=event.name, at=event.occurred_at, explanation=explanation, more_rules=more))
        await asyncio.sleep(0)
    return rows, newest


def nearest(rules: Sequence[Rule]) -> tuple[list[Rule], int]:
    """Return those that hold and those that miss least, in the configuration's order; and how many others there are."""
    order = sorted(range(len(rules)), key=lambda number: _misses(rules[number]))[:MOST_RULES]
    return [rules[number] for number in sorted(order)], max(0, len(rules) - MOST_RULES)


def unreached(rules: Iterable[Rule], destinations: Iterable[str], reached: frozenset[str]) -> Iterator[Verdict]:
    """Yield the destinations that an event does not reach, each with what its rules miss."""
    notifying = dict[str, list[Rule]]()
    for rule in rules:
        for name in rule["notify"]:
            notifying.setdefault(name, []).append(rule)
    for name in destinations:
        if name not in reached:
            own = notifying.get(name)
            why = _missed(min(own, key=_misses)) if own else phrase(N_("no rule notifies it"))
            yield Verdict(destination=name, state="unreached", why=why, page="#rules" if own else "")


def _misses(rule: Rule) -> int:
    """Return how many of its conditions do not hold."""
    return sum(not condition["holds"] for condition in rule["conditions"])


def _missed(rule: Rule) -> Phrase:
    missed = next((condition for condition in rule["conditions"] if not condition["holds"]), None)
    if missed is None:
        return phrase(N_("rule %(rule)s means it now, and did not when it came"), rule=rule["rule"])
    values = {"rule": rule["rule"], "condition": missed["name"], "wanted": ", ".join(missed["wanted"])}
    if not missed["actual"]:
        return phrase(N_("rule %(rule)s wants %(condition)s %(wanted)s, and the event does not state it"), **values)
    text = N_("rule %(rule)s wants %(condition)s %(wanted)s, and the event has %(actual)s")
    return phrase(text, **values, actual=missed["actual"])
