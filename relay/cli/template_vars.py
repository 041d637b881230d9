"""relay template vars: what templates can say, found by looking at what they are given."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import click

from relay.cli.options import json_option, visible
from relay.cli.template import Workspace, read_workspace, workspace_options
from relay.rendering.checks import history_of, sample_events
from relay.rendering.localized_values import moment
from relay.rendering.translations import Catalogues
from relay.rendering.undefined_names import values_of

UNLISTED = ("formats", "doc")
DEPTH = 4
EXAMPLE = 60  # characters


@dataclass
class Variable:
    path: str
    type: str
    optional: bool  # an event may leave it out; it is empty then
    example: Any


@click.command(short_help="List what templates can say.")
@workspace_options
@json_option
def vars(*, config: Path | None, templates: Path | None, as_json: bool) -> None:  # noqa: A001 - the command's name
    """List what templates can say: each name with its type and an example, from the sample events.

    `[]` stands for each of a list. Every other field of your platform's documents is there too, under its own name,
    and `doc` is the whole body as it came.
    """
    workspace = read_workspace(config, templates)
    listed = [*variables(workspace)]
    if as_json:
        click.echo(json.dumps([asdict(variable) for variable in listed], ensure_ascii=False, indent=2))
        return
    width = max(len(variable.path) for variable in listed)
    for variable in listed:
        shown = "" if variable.example is None or isinstance(variable.example, list | dict) else str(variable.example)
        example = " ".join(visible(shown).split())[:EXAMPLE]
        optional = "optional" if variable.optional else ""
        click.echo(f"{variable.path:<{width}}  {variable.type:<9}  {optional:<8}  {example}".rstrip())


def variables(workspace: Workspace) -> Iterator[Variable]:
    """Every name that is always there, with the first example that a sample event has of it."""
    directories, base_url = workspace.directories, workspace.sample_url
    shown: dict[str, Any] = {"links": workspace.sample_links, "brand": workspace.brand}
    catalogues = Catalogues(directories)
    contexts: list[dict[str, Any]] = []
    for fixture in ("typical", "minimal"):
        events = sample_events(directories, fixture)
        ordered = sorted(events.values(), key=lambda event: event.name.startswith("relay."))  # relay's own come last
        contexts.append(_merged(values_of(event, history_of(event, ordered), catalogues, base_url, **shown)
                             for event in ordered))  # fmt: skip
    full, least = (dict(paths(values, "", DEPTH)) for values in contexts)
    for path, example in sorted(full.items()):
        yield Variable(path, _type(example), least.get(path) in (None, "", False), example)


def _merged(contexts: Iterator[Mapping[str, Any]]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for values in contexts:
        _fill(merged, {name: value for name, value in values.items() if name not in UNLISTED})
    return merged


def _fill(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    """What `into` lacks, from `more`; of a list, the row that says most."""
    for name, value in more.items():
        if isinstance(value, Mapping):
            if not isinstance(into.get(name), dict):
                into[name] = {}
            _fill(into[name], value)
        elif into.get(name) in (None, "", [], False):
            into[name] = value


def paths(values: Mapping[str, Any], before: str, depth: int) -> Iterator[tuple[str, Any]]:
    """Each name that these values can be asked for, with what it holds; `[]` stands for each of a list."""
    for name, value in values.items():
        path = f"{before}{name}"
        rows = [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []
        if isinstance(value, Mapping) and value and depth > 1:
            yield from paths(value, f"{path}.", depth - 1)
        elif rows and depth > 1:
            row: dict[str, Any] = {}
            for fields in rows:
                _fill(row, fields)
            yield from chain([(path, value)], paths(row, f"{path}[].", depth - 1))
        else:
            yield path, value


def _type(example: Any) -> str:
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
