"""Why an event does not reach the destinations that it does not reach: what their rules miss. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from relay.console.phrases import Phrase, phrase
from relay.console.views.rules import by_destination, misses
from relay.console.views.verdicts import Verdict
from relay.console.words import said


def unreached(
    rules: Sequence[Mapping[str, Any]], destinations: Iterable[str], reached: frozenset[str]
) -> Iterator[Verdict]:
    """The destinations that an event does not reach, each with what its rules miss."""
    notifying = by_destination(rules)
    for name in destinations:
        if name in reached:
            continue
        own = notifying.get(name)
        why = _missed(min(own, key=misses)) if own else phrase(said("no rule notifies it"))
        yield Verdict(destination=name, state="unreached", why=why, page="#rules" if own else "")


def _missed(rule: Mapping[str, Any]) -> Phrase:
    missed = next((condition for condition in rule["conditions"] if not condition["holds"]), None)
    if missed is None:
        return phrase(said("rule %(rule)s means it now, and did not when it came"), rule=rule["rule"])
    values = {"rule": rule["rule"], "condition": missed["name"], "wanted": ", ".join(missed["wanted"])}
    if not missed["actual"]:
        return phrase(said("rule %(rule)s wants %(condition)s %(wanted)s, and the event does not state it"), **values)
    text = said("rule %(rule)s wants %(condition)s %(wanted)s, and the event has %(actual)s")
    return phrase(text, **values, actual=missed["actual"])
