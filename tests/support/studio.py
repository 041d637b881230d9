"""The page of `relay template preview --serve` over templates of a test's own."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from relay.authoring.studio import Studio
from relay.cli.preview.server import PreviewServer
from relay.cli.template import read_workspace
from tests.support.renderers import compile_built_in

OWN = "text: '{{ op.status_label }}, mine: {{ op.name }}'\n"


def write(folder: Path, name: str, text: str) -> Path:
    """A file as an editor saves it: at once."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    saved = file.with_name(f".{file.name}.new")
    saved.write_text(text, "utf-8")
    saved.replace(file)
    return file


@contextlib.asynccontextmanager
async def served(templates: Path, config: str = "", *, checked: bool = False) -> AsyncIterator[str]:
    """The address of the page. Only where it is `checked` does a process look for faults, which takes seconds."""
    compile_built_in()
    file = write(templates.parent, "relay.yaml", config or "language: en\n")
    studio = Studio(lambda: read_workspace(file, templates))
    async with PreviewServer(studio, checked=checked).serving() as address:
        yield address
