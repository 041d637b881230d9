"""The templates as pages show them: read when a page is asked for, and released when none was for a while."""

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relay.authoring.drawing import Drawing, Sample, View, drawn
from relay.authoring.lint import Finding, findings_of
from relay.authoring.workspace import Workspace
from relay.domain.deliveries import Form
from relay.errors import RelayError
from relay.rendering import Renderer
from relay.rendering.context import request_of
from relay.rendering.samples import bare_events, history_of, sample_events
from relay.rendering.template_files import PARTS, SENTENCES

IDLE = 120.0  # seconds after the last page, when all of it is released
ENDINGS = ("html", "txt")  # of layouts

Stamps = Mapping[Path, tuple[int, int]]
"""Files, each with what changes when it is saved."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A message, and how it is looked at."""

    message: str
    view: View


class Studio:
    """The templates as they were at one moment. A fault is shown in their place."""

    def __init__(self, workspace: Workspace) -> None:
        self.workspace = workspace
        self.findings: list[Finding] | None = None if workspace.own else []  # None: not looked for yet
        self.renderer: Renderer | None = None
        self.fault = ""
        self._messages: dict[str, dict[str, Sample]] = {}  # by fixture
        try:
            self.renderer = Renderer(workspace.directories, workspace.options())
        except RelayError as error:
            self.fault = str(error)

    def messages(self, fixture: str = "typical") -> dict[str, Sample]:
        """Return every message by its event; those without a sample come last. TemplateError for a faulty sample."""
        if fixture not in self._messages:
            samples = sample_events(self.workspace.directories, fixture)
            library = self.renderer.library if self.renderer else None
            bare = bare_events(library, samples) if library else {}
            self._messages[fixture] = {
                name: (event, history_of(event, samples.values())) for name, event in {**samples, **bare}.items()
            }
        return self._messages[fixture]

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages with a catalogue, and those of readers that are near one, such as de-AT."""
        codes = self.renderer.languages if self.renderer else ("en",)
        readers = (self.workspace.reader, *self.workspace.destinations.values())
        near = (reader.language for reader in readers if re.split("[-_]", reader.language)[0].lower() in codes)
        return tuple(dict.fromkeys([*codes, *near]))

    def choice(self, message: str, *, language: str = "", destination: str = "", **how: Any) -> Choice:
        """Return what is asked for, of names that exist; what is left out is as the destination reads it."""
        reader = self.workspace.destinations.get(destination, self.workspace.reader)
        usual = reader.language if reader.language in self.languages else "en"
        view = View(language=language or usual, timezone=reader.timezone, destination=destination, **how)
        return Choice(message, view)

    def sample(self, choice: Choice) -> Sample:
        return self.messages(choice.view.fixture)[choice.message]

    async def drawing(self, channel: str, choice: Choice) -> Drawing | str:
        """Return the message, or what is wrong with it."""
        if self.renderer is None:
            return self.fault
        try:
            return await asyncio.to_thread(drawn, self.renderer, channel, self.sample(choice), choice.view)
        except Exception as error:  # noqa: BLE001 - templates are their author's code, and the page goes on
            return str(error) or type(error).__name__


class Gallery:
    """The studio for many readers, beside a relay that sends. `read` returns the workspace as it is now.

    It has a renderer of its own, so that a sample that takes too much never costs the messages under way their wording.
    One message is made at a time, and a page that makes none waits for none.
    """

    def __init__(self, read: Callable[[], Workspace], *, idle: float = IDLE) -> None:
        self._read = read
        self._idle = idle
        self._studio: Studio | None = None
        self._stamps: Stamps = {}
        self._check: asyncio.Task[None] | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._left: asyncio.Task[None] | None = None
        self._loading = asyncio.Lock()
        self._drawing = asyncio.Lock()

    async def studio(self) -> Studio:
        """Return the files as they are now; its `fault` says what is wrong where they cannot be used."""
        async with self._loading:
            workspace = self._read()
            # What comes with relay stays as it is while relay runs.
            stamps = await asyncio.to_thread(_stamps_of, workspace.own) if workspace.own else {}
            if self._studio is None or (self._studio.workspace, self._stamps) != (workspace, stamps):
                async with self._drawing:  # what goes has no message under way
                    await self._leave()
                    self._studio, self._stamps = await asyncio.to_thread(Studio, workspace), stamps
                    self._check = asyncio.create_task(self._look(self._studio)) if workspace.own else None
            if self._leaving:
                self._leaving.cancel()
            self._leaving = asyncio.get_running_loop().call_later(self._idle, self._go)
            return self._studio

    async def drawing(self, studio: Studio, channel: str, choice: Choice) -> Drawing | str:
        """Return the message, or what is wrong with it.

        A save, or two minutes without a page, may have closed the renderer of this studio since: then the files are
        drawn as they are now.
        """
        while True:
            async with self._drawing:
                if studio is self._studio:
                    return await studio.drawing(channel, choice)
            studio = await self.studio()

    async def checked(self) -> None:
        """Wait until lint has reported what it finds in these files."""
        if self._check:
            await asyncio.wait([self._check])

    async def aclose(self) -> None:
        if self._leaving:
            self._leaving.cancel()
        async with self._loading, self._drawing:
            await self._leave()

    async def _look(self, studio: Studio) -> None:
        try:
            studio.findings = await findings_of(studio.workspace, lambda: self._studio is studio)
        except Exception as error:  # noqa: BLE001 - templates are their author's code, and the page goes on
            studio.findings = [Finding("", None, str(error) or type(error).__name__)]

    async def _leave(self) -> None:
        if self._check:
            self._check.cancel()
            await asyncio.wait([self._check])
        self._studio, self._check = None, None

    def _go(self) -> None:
        self._left = asyncio.create_task(self.aclose())


def sources_of(renderer: Renderer, channel: str, kind: Form, last: Sample, view: View) -> Iterator[tuple[str, Path]]:
    """Yield name and path of the message's own file, then of those it shares. TemplateError if there is none."""
    event, history = last
    library, request = renderer.library, request_of(channel, kind, event, view.destination, history)
    names = [library.message_file(*request)]
    names += [library.layout_file(channel, request.message, ending, *request[3:]) for ending in ENDINGS]
    for name in (*names, f"{channel}/{PARTS}", SENTENCES):
        text, path = library.source(name)
        if text:
            yield name, path


def _stamps_of(folder: Path) -> Stamps:
    stamps: dict[Path, tuple[int, int]] = {}
    for file in folder.rglob("*"):
        with contextlib.suppress(OSError):  # an editor has just put another one there
            status = file.stat()
            if file.suffix and "golden" not in file.parts:
                stamps[file] = (status.st_mtime_ns, status.st_size)
    return stamps
