"""Everything that is wrong with the templates, found before an event finds it.

`findings_of` looks in a process of its own (`python -m relay.authoring.lint`), after all others: every message is made
in every language, which takes seconds. The process reads the workspace, pickled by its parent, and answers with JSON;
it gets none of relay's environment.
"""

import asyncio
import json
import os
import pickle
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import relay
from relay.authoring.workspace import Workspace
from relay.channels import CHANNELS
from relay.configfile.validation import suggest
from relay.errors import TemplateError
from relay.rendering import Renderer
from relay.rendering.checks import Case, empty_values, file_of, problems, unknown_names
from relay.rendering.samples import FIXTURES
from relay.rendering.template_files import parsed
from relay.rendering.template_set import TemplateSet
from relay.rendering.translatable import untranslated
from relay.rendering.translations import Catalogues

KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")


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
        return workspace.own is None or bool(library.overriding_file(*case.request))

    renderer = Renderer(workspace.directories, workspace.options())
    more = problems(renderer, fixtures=FIXTURES, concerns=concerns, judge=judge)
    reported = {file_of(fault)[:2] for fault in faults}
    return faults + [fault for fault in more if file_of(fault)[:2] not in reported]


def misnamed(library: TemplateSet, workspace: Workspace) -> Iterator[str]:
    """Report each file for a destination that does not exist."""
    names = workspace.destinations
    for channel, stems in library.messages.items():
        for stem in stems:
            destination = parsed(stem).destination
            if destination and names and destination not in names:
                file = library.source(f"{channel}/{stem}.yaml")[1]
                yield f"{file}:1: {destination} is no destination; {suggest(destination, names)}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fault with its place."""

    file: str
    line: int | None
    message: str


def environment() -> dict[str, str]:
    """Return what the process gets: none of the variables that may hold a secret."""
    passed_on = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**passed_on, "PYTHONPATH": str(Path(relay.__file__).parents[1])}


async def findings_of(workspace: Workspace) -> list[Finding]:
    """Return what is wrong with these templates. Cancelled, it ends its process.

    TemplateError if the process fails.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-P", "-m", "relay.authoring.lint",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True, env=environment(),
    )  # fmt: skip
    try:
        output, _ = await process.communicate(pickle.dumps(workspace))  # each message is bounded, and so is this
        return [Finding(*row) for row in json.loads(output)]
    except ValueError:
        raise TemplateError("the templates could not be checked") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()


def main() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # one sent to all of relay means a reload
    os.nice(10)  # neither a page nor an event waits for it
    workspace: Workspace = pickle.loads(sys.stdin.buffer.read())  # noqa: S301 - from our parent
    print(json.dumps([file_of(fault) for fault in faults_of(workspace)]))


if __name__ == "__main__":
    main()
