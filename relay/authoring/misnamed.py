"""Files of an author's own that no message would ever be made with, told by their names."""

from collections.abc import Collection, Iterator

from relay.authoring.workspace import Workspace
from relay.configfile.validation import suggest
from relay.domain.events import STATUSES
from relay.rendering.checks import sample_events
from relay.rendering.faults import SURE, nearest
from relay.rendering.file_names import parsed, written
from relay.rendering.template_set import TemplateSet
from relay.rendering.translations import WORDINGS


def misnamed(library: TemplateSet, workspace: Workspace) -> Iterator[str]:
    """Each file for a destination that there is not, or for a type that none of the operations can have."""
    types = _types(workspace)
    reached = _reached(workspace)
    for channel, stems in library.messages.items():
        for stem in stems:
            if fault := _fault(stem, workspace, types, reached):
                yield f"{library.source(f'{channel}/{stem}.yaml')[1]}:1: {fault}"


def _fault(stem: str, workspace: Workspace, types: Collection[str], reached: Collection[str] | None) -> str:
    name = parsed(stem)
    destination, type_ = name.destination, name.operation_type
    if stem != written(name):
        return f"this name serves no message; expected {written(name)}.yaml"
    if destination and workspace.destinations and destination not in workspace.destinations:
        return f"{destination} is no destination; {suggest(destination, workspace.destinations)}"
    if not type_ or type_ in types:
        return ""
    # A platform may send types that nobody has named here: only what is sure is told.
    if near := nearest(type_, types, SURE):
        return f"{type_} is the type of no sample and in no rule; did you mean {near}?"
    if reached is not None and type_ not in reached:
        return f"no rule is for operations of type {type_}; {suggest(type_, reached)}"
    return ""


def _types(workspace: Workspace) -> set[str]:
    samples = sample_events(workspace.directories).values()
    stated = {event.operation.type for event in samples if event.operation}
    documented = {word for word in WORDINGS if word[:1].isupper() and word not in STATUSES}
    return {*stated, *documented, *(type_ for rule in workspace.rules for type_ in rule)} - {""}


def _reached(workspace: Workspace) -> set[str] | None:
    """The types that rules are for; None if one of them is for all."""
    if not workspace.rules or not all(workspace.rules):
        return None
    return {type_ for rule in workspace.rules for type_ in rule}
