"""Explanation of a reading, for whoever writes the format: which path gave each field, and what stood there. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from relay.formats.cases import Case, Part
from relay.formats.fields import scalar
from relay.formats.mapping import Format
from relay.formats.paths import BODY, MAX_ITEMS, Roots

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
        for condition in [condition for condition in case.conditions if not condition.holds(roots)][:1]:
            shown = _shown(condition.value.read(roots))
            missed.append(Missed(tried, condition.route, " or ".join(condition.accepted), shown))
    return missed, [*_lines(form.cases[number - 1], roots)] if number else []


def _lines(case: Case, roots: Roots) -> Iterator[Line]:
    """Yield the fields of a case, those of phases where there is an item."""
    items = case.phases.of.read(roots) if case.phases and case.phases.of else None
    phases = [{**roots, BODY: item} for item in items[:MAX_ITEMS]] if type(items) is list else []
    for part in case.shown:
        there = phases if part.place[0] == "phases" and part.place[1] != "of" else [roots]
        if there:
            yield _line(part, there[:FEW])


def _line(part: Part, there: Sequence[Roots]) -> Line:
    readings = [(*part.value.found(roots), part.value.read(roots)) for roots in there]
    convert = part.field.convert if part.field else lambda says: says
    converted = [None if says is None else convert(says) for _, _, says in readings]
    return Line(
        ".".join(map(str, part.place)), readings[0][0], _joined(raw for _, raw, _ in readings), _joined(converted)
    )


def _joined(values: Iterable[Any]) -> str:
    texts = [_shown(extracted) for extracted in values]
    return ", ".join(text or "–" for text in texts)[:MAX_SHOWN] if any(texts) else ""


def _shown(extracted: Any) -> str:
    if isinstance(extracted, list | dict):
        return ("[⋯ %d]" if isinstance(extracted, list) else "{⋯ %d}") % len(extracted)
    return "" if extracted is None else f"{scalar(extracted)}"[:MAX_SHOWN]
