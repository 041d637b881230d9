"""The names that templates can use, from the values that they are given."""

from collections.abc import Iterator, Mapping
from typing import Any

from relay.authoring.workspace import Workspace
from relay.domain.documents import moment
from relay.rendering.checks import values_of
from relay.rendering.samples import history_of, sample_events
from relay.rendering.translations import Catalogues

UNLISTED = ("formats", "doc")
DEPTH = 4


def variables(workspace: Workspace) -> Iterator[dict[str, Any]]:
    """Yield `path`, type and an example of every name that templates have; an `optional` one may be empty."""
    directories, base_url = workspace.directories, workspace.sample_url
    options: dict[str, Any] = {"links": workspace.sample_links, "brand": workspace.brand}
    catalogues = Catalogues(directories)
    contexts: list[dict[str, Any]] = []
    for fixture in ("typical", "minimal"):
        events = sample_events(directories, fixture)
        ordered = sorted(events.values(), key=lambda event: event.name.startswith("relay."))  # relay's own come last
        contexts.append(_merged(values_of(event, history_of(event, ordered), catalogues, base_url, **options)
                             for event in ordered))  # fmt: skip
    typical, minimal = (dict(_paths(values, "", DEPTH)) for values in contexts)
    for path, example in sorted(typical.items()):
        optional = minimal.get(path) in (None, "", False)
        yield {"path": path, "type": _type_of(example), "optional": optional, "example": example}


def _merged(contexts: Iterator[Mapping[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for values in contexts:
        _fill(merged, {name: value for name, value in values.items() if name not in UNLISTED})
    return merged


def _fill(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Add to `into` what it lacks and `more` has."""
    for name, value in more.items():
        if isinstance(value, Mapping):
            if not isinstance(into.get(name), dict):
                into[name] = {}
            _fill(into[name], value)
        elif into.get(name) in (None, "", [], False):
            into[name] = value


def _paths(values: Mapping[str, Any], before: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Yield each name in these values with its value; `[]` means each of a list."""
    for name, value in values.items():
        path = f"{before}{name}"
        rows = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
        if isinstance(value, Mapping) and value and depth > 1:
            yield from _paths(value, f"{path}.", depth - 1)
        elif rows and depth > 1:
            row: dict[str, Any] = {}
            for fields in rows:
                _fill(row, fields)
            yield path, value
            yield from _paths(row, f"{path}[].", depth - 1)
        else:
            yield path, value


def _type_of(example: Any) -> str:
    """Return the type of such a value, as authors call it."""
    match example:
        case bool():
            return "yes or no"
        case int() | float():
            return "number"
        case list():
            return "list"
        case Mapping():
            return "object"
        case str() if "T" in example and moment(example):
            return "time"
    return "text"
