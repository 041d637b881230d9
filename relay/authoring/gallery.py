"""The templates for many who look at them, beside a relay that sends: read when somebody looks, left when nobody does.

It renders with a process of its own, so that a sample that takes too much of a template never costs the messages under
way their wording. One message is made at a time, and a page that makes none waits for none.
"""

import asyncio
from collections.abc import Callable

from relay.authoring.checking import Finding, findings_of
from relay.authoring.drawing import Drawing
from relay.authoring.studio import Choice, Stamps, Studio, stamps_of
from relay.authoring.workspace import Workspace
from relay.errors import RelayError

IDLE = 120.0  # seconds after the last look, when all of it is let go

State = tuple[Workspace, Stamps]


class Gallery:
    """`read` says what the author works with now."""

    def __init__(self, read: Callable[[], Workspace], *, idle: float = IDLE) -> None:
        self._read = read
        self._idle = idle
        self._studio: Studio | None = None
        self._state: State | None = None
        self._findings: tuple[State, list[Finding]] | None = None
        self._check: asyncio.Task[None] | None = None
        self._leaving: asyncio.TimerHandle | None = None
        self._left: asyncio.Task[None] | None = None
        self._loading = asyncio.Lock()
        self._drawing = asyncio.Lock()

    async def studio(self) -> Studio:
        """The files as they are now; its `fault` says what is wrong where they cannot be used."""
        async with self._loading:
            workspace = self._read()
            # What comes with relay stays as it is while relay runs.
            state = workspace, await asyncio.to_thread(stamps_of, [workspace.own]) if workspace.own else {}
            if self._studio is None or state != self._state:
                async with self._drawing:  # what goes has no message under way
                    await self._renew(workspace, state)
            self._stay()
            assert self._studio  # noqa: S101 - made above
            return self._studio

    async def drawing(self, studio: Studio, channel: str, choice: Choice) -> Drawing | str:
        """The message, or what is wrong with it.

        A save, or two minutes without a look, may have closed the renderer of this studio since: then the files are
        drawn as they are now.
        """
        while True:
            async with self._drawing:
                if studio is self._studio:
                    return await studio.drawing(channel, choice)
            studio = await self.studio()

    async def checked(self) -> None:
        """Wait until lint has said of these files what it finds."""
        if self._check:
            await asyncio.wait([self._check])

    async def aclose(self) -> None:
        if self._leaving:
            self._leaving.cancel()
        async with self._loading, self._drawing:
            await self._leave()

    async def _renew(self, workspace: Workspace, state: State) -> None:
        await self._leave()
        studio = Studio(lambda: workspace)
        await studio.load()
        self._studio, self._state = studio, state
        if workspace.own is None:  # what comes with relay is tested with it
            studio.findings = []
        elif self._findings and self._findings[0] == state:
            studio.findings = self._findings[1]
        else:
            self._check = asyncio.create_task(self._look(studio, state))

    async def _look(self, studio: Studio, state: State) -> None:
        try:
            findings = await findings_of(studio.workspace)
        except RelayError as error:
            findings = [Finding("", None, str(error))]
        self._findings = state, findings
        studio.findings = findings

    async def _leave(self) -> None:
        if self._check:
            self._check.cancel()
            await asyncio.wait([self._check])
        studio, self._studio, self._check = self._studio, None, None
        if studio:
            await studio.aclose()

    def _stay(self) -> None:
        if self._leaving:
            self._leaving.cancel()
        self._leaving = asyncio.get_running_loop().call_later(self._idle, self._go)

    def _go(self) -> None:
        self._left = asyncio.create_task(self.aclose())
