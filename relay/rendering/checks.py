"""Trying out every template before an event does: all messages in every language, and the translations.

The samples are events as they arrive, one JSON file each in `samples/`; a sender may also say no more than it must. A
user's own directory may hold more, for instance one that was recorded.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from pathlib import Path
from typing import Any, get_args
from zoneinfo import ZoneInfo

from jinja2 import meta, nodes

from relay.domain.deliveries import Kind
from relay.domain.events import Event
from relay.domain.parsing import parse
from relay.errors import TemplateError
from relay.rendering.context import Context, Request, request_of
from relay.rendering.digests import ROUND_UPS
from relay.rendering.environments import TemplateEnvironment, tree_of
from relay.rendering.faults import OPEN, SURE, nearest, unknown
from relay.rendering.formats import FORMATS, format_of
from relay.rendering.links import Base
from relay.rendering.localized_values import Localizer
from relay.rendering.message_template import Source
from relay.rendering.renderer import NO_BRAND, Brand, Renderer
from relay.rendering.samples import NOON, bare_events, history_of, sample_events
from relay.rendering.template_files import PARTS, SENTENCES, parsed
from relay.rendering.template_set import TemplateSet
from relay.rendering.time_out import TooSlow
from relay.rendering.translatable import untranslated
from relay.rendering.translations import SOURCE, Catalogues


@dataclass(frozen=True, slots=True)
class Case:
    """One message to try."""

    channel: str
    kind: Kind
    event: Event
    history: tuple[Event, ...]
    language: str
    destination: str = ""

    @property
    def request(self) -> Request:
        """The message."""
        return request_of(self.channel, self.kind, self.event, self.destination, self.history)

    def rendered_by(self, renderer: Renderer) -> dict[str, Any]:
        """Return its content. TemplateError names file and line."""
        return renderer.render(
            self.channel, self.kind, self.event, self.history, language=self.language, timezone="",
            now=self.event.occurred_at, destination=self.destination,
        )  # fmt: skip

    def __str__(self) -> str:
        destination = f" for {self.destination}" if self.destination else ""
        return f"told of {self.event.name}{destination}, {self.kind}, {self.language}"


def problems(
    renderer: Renderer,
    *,
    concerns: Callable[[Case], bool] = lambda _case: True,
    judge: Callable[[Case, dict[str, Any]], Iterator[str]] = lambda _case, _content: iter(()),
) -> list[str]:
    """One line per fault, with file and line where known. `judge` finds what is wrong with a message that was made."""
    faults: dict[str, Case] = {}
    library, catalogues = renderer.library, renderer.catalogues
    slow: set[str] = set()  # files: one message of each is enough
    try:
        for case in filter(concerns, cases(library, renderer.directories, catalogues.codes)):
            file = library.overriding_file(*case.request)
            if file in slow:
                continue
            try:
                content = case.rendered_by(renderer)
            except TemplateError as error:
                if isinstance(error, TooSlow):
                    slow.add(file)
                faults.setdefault(str(error), case)
            else:
                for fault in judge(case, content):
                    faults.setdefault(fault, case)
    except TemplateError as error:
        return [str(error)]
    return [*(f"{fault} ({case})" for fault, case in faults.items()),
            *untranslated(library, catalogues)]  # fmt: skip


def cases(library: TemplateSet, directories: Sequence[Path], languages: Sequence[str]) -> Iterator[Case]:
    """Every message that these templates may have to make. TemplateError if a sample is none."""
    destinations = {
        channel: sorted({"", *(parsed(name)[1] for name in templates)})
        for channel, templates in library.messages.items()
    }
    usual, short = sample_events(directories), sample_events(directories, short=True)
    for events in (short | bare_events(library, short), usual):
        for event in events.values():
            history = history_of(event, events.values())
            for channel in library.channels:
                for kind, destination, language in product(kinds_of(channel, event), destinations[channel], languages):
                    yield Case(channel, kind, event, history, language, destination)


def kinds_of(channel: str, event: Event) -> tuple[Kind, ...]:
    """The kinds in which a channel tells such an event."""
    if event.name in ROUND_UPS:
        return tuple(kind for kind in get_args(Kind) if kind == event.name)
    return format_of(channel).kinds


PER_MESSAGE = ("message", "kind", "dest", "buttons", "digest", "say", "parts", "mail", "healed", "taken",
               "alike", "alone")  # fmt: skip
FORGIVING = ("default", "d")


def unknown_names(library: TemplateSet, catalogues: Catalogues) -> Iterator[str]:
    """Yield each unknown variable, field, macro, filter and test with its place, and messages that lack a field."""
    nothing = parse({"event": "operation.progress", "operation": {"operationId": "x"}}, source="", received_at=NOON)
    environment, values = library.known_names(), values_of(nothing, (), catalogues)
    fields = {name: set(value) for name, value in values.items() if isinstance(value, Mapping) and name != "doc"}
    macros = {source.file: _macros(source) for source in library.sources() if source.file.suffix == ".j2"}
    fields["say"] = {name for file, names in macros.items() if file.name == SENTENCES for name in names}
    for source in library.sources():
        parts_file = (source.file.parent.name, PARTS)
        defined = {
            name for file, names in macros.items() if (file.parent.name, file.name) == parts_file for name in names
        }
        known_names = {*values, *PER_MESSAGE, *environment.globals, *source.names, *_inherited(library, source)}
        yield from _of(source, environment, known_names, fields | ({"parts": defined} if defined else {}))
    channels = [*filter(library.messages.__contains__, FORMATS), *(library.messages.keys() - FORMATS.keys())]
    for channel in channels:
        for stem in library.messages[channel]:
            template = library.message(f"{channel}/{stem}.yaml")
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
    """Return what templates get for this event, in the source language."""
    localizer = Localizer(catalogues.language(SOURCE), ZoneInfo("UTC"), event.occurred_at)
    values = Context(event, history, localizer, Base(base_url), **options).complete()
    return values | {"brand": dict(brand.values)}


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
