"""Everything that is wrong with the templates, found before an event finds it."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from relay.authoring.workspace import Workspace
from relay.channels import CHANNELS
from relay.configfile.validation import suggest
from relay.domain.events import STATUSES
from relay.errors import TemplateError
from relay.rendering import Renderer, in_daemon
from relay.rendering.checks import Case, empty_values, file_of, problems, unknown_names
from relay.rendering.faults import SURE, nearest
from relay.rendering.samples import FIXTURES, sample_events
from relay.rendering.template_files import parsed, written
from relay.rendering.template_set import TemplateSet
from relay.rendering.translatable import untranslated
from relay.rendering.translations import WORDINGS, Catalogues


def faults_of(workspace: Workspace, wanted: Callable[[], bool] = lambda: True) -> list[str]:
    """Return a line for each fault, with file and line where they are known."""
    faults: list[str] = []
    library = TemplateSet(workspace.directories, faults)
    try:
        catalogues = Catalogues(workspace.directories)
    except TemplateError as error:
        faults.append(str(error))
        catalogues = Catalogues(workspace.directories[-1:])
    usable = not faults
    faults += unknown_names(library, empty_values(catalogues))
    faults += misnamed(library, workspace)
    if not usable:  # the messages themselves can be tried once these faults are gone
        return [*faults, *untranslated(library, catalogues)]

    def judge(case: Case, content: dict[str, Any]) -> Iterator[str]:
        if refusals := getattr(CHANNELS.get(case.channel), "refusals", None):
            _, file = library.source(library.message_file(*case.request))
            yield from (f"{file}: {fault}" for fault in refusals(content))

    def concerns(case: Case) -> bool:
        """Leave out messages that no file of the author's has a part in."""
        return wanted() and (workspace.own is None or bool(library.overriding_file(*case.request)))

    renderer = Renderer(workspace.directories, workspace.options())
    more = problems(renderer, fixtures=FIXTURES, concerns=concerns, judge=judge)
    reported = {fault.partition("; ")[0] for fault in faults}
    return faults + [fault for fault in more if fault.partition("; ")[0] not in reported]


def misnamed(library: TemplateSet, workspace: Workspace) -> Iterator[str]:
    """Report each file for a destination that does not exist, or for a type that no operation can have."""
    types = _types(workspace)
    reached = set().union(*workspace.rules) if all(workspace.rules) else set()  # empty: a rule is for all types
    for channel, stems in library.messages.items():
        for stem in stems:
            if fault := _fault(stem, workspace, types, reached):
                yield f"{library.source(f'{channel}/{stem}.yaml')[1]}:1: {fault}"


def _fault(stem: str, workspace: Workspace, types: Collection[str], reached: Collection[str]) -> str:
    name = parsed(stem)
    destination, type_ = name.destination, name.operation_type
    if stem != written(name):
        return f"this name serves no message; expected {written(name)}.yaml"
    if destination and workspace.destinations and destination not in workspace.destinations:
        return f"{destination} is no destination; {suggest(destination, workspace.destinations)}"
    if not type_ or type_ in types:
        return ""
    # A platform may send types that are named nowhere here: report only what is sure.
    if near := nearest(type_, types, SURE):
        return f"{type_} is the type of no sample and in no rule; did you mean {near}?"
    if reached and type_ not in reached:
        return f"no rule is for operations of type {type_}; {suggest(type_, reached)}"
    return ""


def _types(workspace: Workspace) -> set[str]:
    samples = sample_events(workspace.directories).values()
    stated = {event.operation.type for event in samples if event.operation}
    documented = {word for word in WORDINGS if word[:1].isupper() and word not in STATUSES}
    return {*stated, *documented, *set().union(*workspace.rules)} - {""}


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault with its place."""

    file: str
    line: int | None
    message: str


async def findings_of(workspace: Workspace, wanted: Callable[[], bool]) -> list[Finding]:
    """Return what is wrong with these templates; it takes seconds, and ends early once it is not `wanted` any more."""
    return [Finding(*file_of(fault)) for fault in await in_daemon(lambda: faults_of(workspace, wanted))]
