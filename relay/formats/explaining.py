"""Explanation of a reading, for whoever writes the format: which path gave each field, and what stood there. Pure."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from relay.formats.fields import FIELDS, OF_PHASES, plain
from relay.formats.mapping import Format
from relay.formats.values import MAX_ITEMS, Roots, value

MAX_SHOWN = 300  # characters of a value
OTHER_KEYS = ("when", "ignore", "keep_bodies")  # of a case: no fields


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


def explain(form: Format, roots: Roots) -> tuple[list[Missed], list[Line]]:
    """Return the cases that were tried in vain, and the fields of the one that holds."""
    missed: list[Missed] = []
    for number, case in enumerate(form.cases, start=1):
        if case.holds(roots):
            fields = {name: spec for name, spec in case.spec.items() if name not in OTHER_KEYS}
            return missed, [line for name, spec in fields.items() for line in _lines(name, spec, roots)]
        terms = zip(case.spec["when"].items(), case.conditions, strict=True)
        path, expected = next(term for term, holds in terms if not holds(roots))
        words = " or ".join(expected) if isinstance(expected, list) else expected
        missed.append(Missed(number, path, words, _shown(value(path)(roots))))
    return missed, []


def _lines(name: str, spec: Any, roots: Roots) -> Iterator[Line]:
    if name in ("labels", "results", "phase"):
        for inner, its in spec.items():
            yield _line(f"{name}.{inner}", its, roots, OF_PHASES.get(inner, str) if name == "phase" else plain)
    elif name == "phases":
        path, items = _found(spec["of"], roots)
        items = items[:MAX_ITEMS] if type(items) is list else []
        yield Line(name, path, f"{len(items)}", f"{len(items)}")
        for inner, its in spec.items() if items else ():
            if inner not in ("of", "complete"):
                lines = [_line("", its, {**roots, "": item}, OF_PHASES.get(inner, str)) for item in items]
                said, taken = zip(*((line.said, line.value) for line in lines), strict=True)
                yield Line(f"{name}.{inner}", lines[0].path, _joined(said), _joined(taken))
    else:
        yield _line(name, spec, roots, FIELDS.get(name, str))


def _line(name: str, spec: Any, roots: Roots, convert: Any) -> Line:
    extracted = value(spec)(roots)
    path, said = _found(spec, roots)
    return Line(name, path, _shown(said), _shown(convert(extracted) if extracted is not None else None))


def _found(spec: Any, roots: Roots) -> tuple[str, Any]:
    """Return the path that says something, and what; of several that say nothing all, and None."""
    if isinstance(spec, list):
        says = next((term for term in spec if value([term])(roots) is not None), None)
        return (", ".join(_found(term, roots)[0] for term in spec), None) if says is None else _found(says, roots)
    if isinstance(spec, Mapping):
        return ("", spec["text"]) if "text" in spec else _found(spec["of"], roots)
    return spec, value(spec)(roots)


def _joined(texts: tuple[str, ...]) -> str:
    return ", ".join(text or "–" for text in texts)[:MAX_SHOWN] if any(texts) else ""


def _shown(extracted: Any) -> str:
    if extracted is None or isinstance(extracted, str):
        return (extracted or "")[:MAX_SHOWN]
    return json.dumps(extracted, ensure_ascii=False)[:MAX_SHOWN]
