"""Explanation of a reading, for whoever writes the format: which path gave each field, and what stood there. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from relay.formats.fields import plain
from relay.formats.mapping import Format
from relay.formats.samples import Sample, values_of
from relay.formats.values import Roots, value

MAX_SHOWN = 300  # characters of a value
FEW = 20  # items of a list that are shown


@dataclass(frozen=True, slots=True)
class Line:
    """A field. `path`: where its value was found, or all that were tried; `said`: what stands there; '' for nothing.

    `value` is what relay takes it for; '' where that says nothing of such a field.
    """

    field: str
    path: str
    said: str
    value: str


@dataclass(frozen=True, slots=True)
class Missed:
    """A case that does not hold, by the first of its conditions that does not."""

    case: int
    path: str
    expected: str
    said: str


def explain(form: Format, number: int, roots: Roots) -> tuple[list[Missed], list[Line]]:
    """Return the cases that were tried in vain, and the fields of the one of this number, 0 for none."""
    missed: list[Missed] = []
    for tried, case in enumerate(form.cases[: number - 1] if number else form.cases, start=1):
        terms = zip(case.spec.get("when", {}).items(), case.conditions, strict=True)
        for path, accepted in [term for term, holds in terms if not holds(roots)][:1]:
            expected = " or ".join([accepted] if isinstance(accepted, str) else accepted)
            missed.append(Missed(tried, path, expected, _shown(value(path)(roots))))
    parts = values_of(form.cases[number - 1], [Sample("", roots)]) if number else ()
    return missed, [_line(".".join(map(str, place)), *rest) for place, *rest in parts]


def _line(field: str, spec: Any, convert: Any, samples: Sequence[Sample]) -> Line:
    """Of items of a list it has the values of the first ones."""
    found = [(*_found(spec, roots), value(spec)(roots)) for _, roots in samples[:FEW]]
    taken = [None if says is None else convert(says) if convert else says for _, _, says in found]
    return Line(field, found[0][0], _joined(said for _, said, _ in found), _joined(taken))


def _found(spec: Any, roots: Roots) -> tuple[str, Any]:
    """Return the path that says something, and what; of several that say nothing all, and None."""
    if isinstance(spec, list):
        says = next((term for term in spec if value([term])(roots) is not None), None)
        return (", ".join(_found(term, roots)[0] for term in spec), None) if says is None else _found(says, roots)
    if isinstance(spec, Mapping):
        return ("", spec["text"]) if "text" in spec else _found(spec["of"], roots)
    return spec, value(spec)(roots)


def _joined(values: Iterable[Any]) -> str:
    texts = [_shown(extracted) for extracted in values]
    return ", ".join(text or "–" for text in texts)[:MAX_SHOWN] if any(texts) else ""


def _shown(extracted: Any) -> str:
    if isinstance(extracted, list | dict):
        return ("[⋯ %d]" if isinstance(extracted, list) else "{⋯ %d}") % len(extracted)
    return "" if extracted is None else f"{plain(extracted)}"[:MAX_SHOWN]
