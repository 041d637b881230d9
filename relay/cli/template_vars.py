"""relay template vars: the names that templates can use, from the values that they are given."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from relay.cli.options import json_option, print_json
from relay.cli.screen import rows_table, show
from relay.cli.template import Workspace, read_workspace, workspace_options
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
    for short in (False, True):
        events = sample_events(directories, short=short)
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


EXAMPLE = 60  # characters


@click.command()
@workspace_options
@json_option
def vars(*, config: Path | None, templates: Path | None, as_json: bool) -> None:  # noqa: A001 - the command's name
    """List what templates can say: each name with its type and an example, from the sample events.

    `[]` stands for each of a list. Every other field of your platform's documents is there too, under its own name,
    and `doc` is the whole body as it came.
    """
    listed = [*variables(read_workspace(config, templates))]
    if as_json:
        print_json(listed)
        return
    show(rows_table(listed, {
        "name": "path",
        "type": "type",
        "": lambda row: "optional" if row["optional"] else "",
        "example": lambda row: "" if row["example"] is None or isinstance(row["example"], list | dict) else
                   " ".join(str(row["example"]).split())[:EXAMPLE],
    }))  # fmt: skip
