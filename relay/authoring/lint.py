"""Everything that is wrong with the templates, found before an event finds it."""

from collections.abc import Iterator
from typing import Any

from relay.authoring.looks import LOOKS
from relay.authoring.workspace import Workspace
from relay.configfile.words import suggest
from relay.errors import TemplateError
from relay.rendering import Renderer
from relay.rendering.checks import Case, file_of, problems, unknown_names
from relay.rendering.template_files import parsed
from relay.rendering.template_set import TemplateSet
from relay.rendering.translatable import untranslated
from relay.rendering.translations import Catalogues


def faults_of(workspace: Workspace) -> list[str]:
    """Return a line for each fault, with file and line where they are known."""
    faults: list[str] = []
    library = TemplateSet(workspace.directories, faults)
    try:
        catalogues = Catalogues(workspace.directories)
    except TemplateError as error:
        faults.append(str(error))
        catalogues = Catalogues(workspace.directories[-1:])
    usable = not faults
    faults += unknown_names(library, catalogues)
    faults += misnamed(library, workspace)
    if not usable:  # the messages themselves can be tried once these faults are gone
        return [*faults, *untranslated(library, catalogues)]

    def judge(case: Case, content: dict[str, Any]) -> Iterator[str]:
        if look := LOOKS.get(case.channel):
            _, file = library.source(library.message_file(*case.request))
            yield from (f"{file}: {fault}" for fault in look.refusals(content))

    def concerns(case: Case) -> bool:
        """Leave out messages that no file of the author's has a part in."""
        return workspace.own is None or bool(library.overriding_file(*case.request))

    renderer = Renderer(workspace.directories, workspace.options())
    more = problems(renderer, concerns=concerns, judge=judge)
    reported = {file_of(fault)[:2] for fault in faults}
    return faults + [fault for fault in more if file_of(fault)[:2] not in reported]


def misnamed(library: TemplateSet, workspace: Workspace) -> Iterator[str]:
    """Report each file for a destination that does not exist."""
    names = workspace.destinations
    for channel, stems in library.messages.items():
        for stem in stems:
            _, destination = parsed(stem)
            if destination and names and destination not in names:
                file = library.source(f"{channel}/{stem}.yaml")[1]
                yield f"{file}:1: {destination} is no destination; {suggest(destination, names)}"
