"""Names in templates that mean nothing, found without rendering: also in branches that no sample event takes."""

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import meta, nodes

from relay.domain.events import Event
from relay.domain.parsing import parse
from relay.rendering.brand import NO_BRAND, Brand
from relay.rendering.built_in import tree_of
from relay.rendering.checks import NOON
from relay.rendering.context import context
from relay.rendering.environments import TemplateEnvironment
from relay.rendering.faults import OPEN, SURE, nearest, unknown
from relay.rendering.formats import FORMATS, format_of
from relay.rendering.links import Base
from relay.rendering.localized_values import Localizer
from relay.rendering.sandbox import Sandbox
from relay.rendering.template_files import PARTS, SENTENCES
from relay.rendering.template_set import TemplateSet
from relay.rendering.text_template import Source
from relay.rendering.translations import SOURCE, Catalogues

PER_MESSAGE = ("message", "kind", "dest", "buttons", "digest", "say", "parts", "mail", "healed")
FORGIVING = ("default", "d")


def unknown_names(library: TemplateSet, values: Mapping[str, Any]) -> Iterator[str]:
    """Each unknown variable, field, macro, filter and test with its place, and each message without what it needs.

    `values` is what templates get for an event that says nothing (`relay.rendering.context`).
    """
    environment = library.known_names()
    fields = {name: set(value) for name, value in values.items() if isinstance(value, Mapping) and name != "doc"}
    macros = {source.file: _macros(source) for source in library.sources() if source.file.suffix == ".j2"}
    fields["say"] = {name for file, names in macros.items() if file.name == SENTENCES for name in names}
    for source in library.sources():
        parts_file = (source.file.parent.name, PARTS)
        own = {name for file, names in macros.items() if (file.parent.name, file.name) == parts_file for name in names}
        known_names = {*values, *PER_MESSAGE, *environment.globals, *source.names, *_inherited(library, source)}
        yield from _of(source, environment, known_names, fields | ({"parts": own} if own else {}))
    channels = [*filter(library.messages.__contains__, FORMATS), *(library.messages.keys() - FORMATS.keys())]
    for channel in channels:
        for stem in library.messages[channel]:
            template = library.message(Sandbox, f"{channel}/{stem}.yaml")
            for field, why in format_of(channel).required.items():
                if field not in template.fields:
                    yield f"{template.file}:1: `{field}:` is missing: {why}"


def values_of(
    event: Event,
    history: tuple[Event, ...],
    catalogues: Catalogues,
    base_url: str = "",
    *,
    brand: Brand = NO_BRAND,
    **options: Any,
) -> dict[str, Any]:
    """What templates get for this event, in the source language."""
    localizer = Localizer(catalogues.language(SOURCE), ZoneInfo("UTC"), event.occurred_at)
    return context(event, history, localizer, Base(base_url), **options) | {"brand": dict(brand.values)}


def empty_values(catalogues: Catalogues) -> dict[str, Any]:
    """What templates get for an event that says nothing."""
    nothing = parse({"event": "operation.progress", "operation": {"operationId": "x"}}, source="", received_at=NOON)
    return values_of(nothing, (), catalogues)


def _of(
    source: Source, environment: TemplateEnvironment, names: Collection[str], fields: Mapping[str, Collection[str]]
) -> Iterator[str]:
    tree, undeclared = tree_of(source.text), _undeclared(source.text)
    bound = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"} | {*source.names}
    excused = {id(node.node) for node in tree.find_all(nodes.Filter) if node.name in FORGIVING}
    excused |= {id(node.node) for node in tree.find_all(nodes.Test) if node.name in ("defined", "undefined")}
    reported: set[str] = set()
    for node in tree.find_all((nodes.Name, nodes.Getattr, nodes.Filter, nodes.Test)):
        fault = ""
        if isinstance(node, nodes.Name) and node.name in undeclared and node.name not in {*names, *bound}:
            fault = unknown(node.name, names)
        elif isinstance(node, nodes.Getattr) and isinstance(node.node, nodes.Name) and id(node) not in excused:
            name = node.node.name
            if name in fields and name not in bound and node.attr not in fields[name]:
                sure = name not in OPEN or nearest(node.attr, fields[name], SURE)
                fault = unknown(node.attr, fields[name], f"{name}.") if sure else ""
        elif isinstance(node, nodes.Filter) and node.name not in environment.filters:
            fault = unknown(node.name, environment.filters, "|")
        elif isinstance(node, nodes.Test) and node.name not in environment.tests:
            fault = unknown(node.name, environment.tests, "is ")
        if fault and fault not in reported:
            reported.add(fault)
            yield f"{source.file}:{source.line + node.lineno}: {fault}"


@lru_cache(2048)
def _undeclared(text: str) -> frozenset[str]:
    """From nodes of its own, since to find them Jinja works out constants, and puts these in their place."""
    return frozenset(meta.find_undeclared_variables(tree_of.__wrapped__(text)))


def _inherited(library: TemplateSet, source: Source) -> Iterator[str]:
    """The macros that the blocks of a layout find: its own, and those of the one that it extends."""
    yield from _macros(source)
    for node in tree_of(source.text).find_all(nodes.Extends):
        if isinstance(node.template, nodes.Const):
            text, file = library.source(str(node.template.value))
            yield from _macros(Source(file, 0, text))


def _macros(source: Source) -> tuple[str, ...]:
    return tuple(node.name for node in tree_of(source.text).find_all(nodes.Macro))


def file_of(fault: str) -> tuple[str, int | None, str]:
    """The file, the line and the rest of a fault's line."""
    location, _, rest = fault.partition(": ")
    file, _, line = location.rpartition(":")
    return (file, int(line), rest) if line.isdigit() and Path(file).suffix else (location, None, rest)
