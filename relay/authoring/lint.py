"""Everything that is wrong with the templates, found before an event finds it."""

import contextlib
from collections.abc import Iterator
from typing import Any

from relay.authoring.misnamed import misnamed
from relay.authoring.workspace import Workspace
from relay.channels import CHANNELS
from relay.errors import TemplateError
from relay.rendering import IsolatedRenderer
from relay.rendering.checks import Case, problems, untranslated
from relay.rendering.fixtures import FIXTURES
from relay.rendering.message_names import message_of, operation_type
from relay.rendering.template_set import TemplateSet
from relay.rendering.translations import Catalogues
from relay.rendering.undefined_names import empty_values, unknown_names


def faults_of(workspace: Workspace, *, verbose: bool = False) -> list[str]:
    """One line per fault, with file and line where they are known."""
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
        return [*faults, *untranslated(library, catalogues, all_of_them=verbose)]

    def judge(case: Case, content: dict[str, Any]) -> Iterator[str]:
        if refusals := getattr(CHANNELS.get(case.channel), "refusals", None):
            message = message_of(case.event, case.kind, case.history)
            type_ = operation_type(case.event, case.history)
            name = library.message_file(case.channel, message, case.kind, case.destination, type_)
            yield from (f"{library.source(name)[1]}: {fault}" for fault in refusals(content))

    def concerns(case: Case) -> bool:
        """Messages that nothing of the author's has a part in are not theirs to mend."""
        message, type_ = message_of(case.event, case.kind, case.history), operation_type(case.event, case.history)
        own = library.overriding_file(case.channel, message, case.kind, case.destination, type_)
        return workspace.own is None or bool(own)

    with contextlib.closing(IsolatedRenderer(workspace.directories, workspace.options())) as renderer:
        shown = problems(
            renderer.render,
            library,
            catalogues,
            workspace.directories,
            fixtures=FIXTURES,
            concerns=concerns,
            judge=judge,
            all_of_them=verbose,
        )
    read = {fault.partition("; ")[0] for fault in faults}
    return faults + [fault for fault in shown if fault.partition("; ")[0] not in read]
