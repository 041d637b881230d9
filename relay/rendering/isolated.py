"""Rendering that cannot take relay down: the user's templates are rendered in a process that may be ended.

Templates are their author's code. The sandbox keeps them from reaching Python; time and memory it does not bound. So
every message that a file of the user's own has a part in is made by a child, a fresh interpreter with none of relay's
environment; the kernel ends it after `Bounds.seconds` of processor time, or lets it have no more than `Bounds.memory`.
The message is then made in relay's own wording, and says so. What is built in is made here (relay.rendering.direct).
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from relay.domain.deliveries import Form
from relay.domain.events import Event
from relay.errors import TemplateError
from relay.rendering.checks import problems
from relay.rendering.formats import format_of
from relay.rendering.long_events import is_long
from relay.rendering.notices import FELL_BACK
from relay.rendering.process import BOUNDS, Bounds, Child, ChildEnded
from relay.rendering.renderer import DEFAULTS, Renderer, RenderOptions

AVOIDED_FOR = 60.0  # seconds for which a file that ended the child is left alone


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message, and if it is not as the user's templates say, why."""

    content: dict[str, Any]
    fault: str = ""
    own: bool = False  # relay's own wording throughout, which prints links as they are


class IsolatedRenderer:
    """What relay delivers with. Compiles every template when it is built; TemplateError names the fault."""

    def __init__(
        self,
        directories: Sequence[Path],
        options: RenderOptions = DEFAULTS,
        *,
        bounds: Bounds = BOUNDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.renderer = Renderer(directories, options)
        self.faults: dict[str, str] = {}  # file of the user's own → what became of it; until it serves again
        self._built_in: Renderer | None = None
        self._clock = clock
        self._avoided: dict[str, tuple[float, str]] = {}  # file → until when, and why
        self._known: set[str] = set()  # the built-in files that are compiled
        self._child = Child(directories, options, bounds)
        # One thread: messages are made one after the other, and waiting for them holds up nobody else.
        self._queue = ThreadPoolExecutor(1, "templates")

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there are translations for, English first."""
        return self.renderer.languages

    def translated(self, text: str, language: str) -> str:
        """One of relay's own sentences (relay.rendering.notices) in this language."""
        return self.renderer.catalogues.language(language).translations.gettext(text)

    async def message(
        self, channel: str, kind: Form, event: Event, history: tuple[Event, ...], *, language: str, **options: Any
    ) -> Rendered:
        """The content of one notification, from what `Renderer.render` takes. A template's fault never costs a
        message: another wording is used then, and says so."""
        options |= {"language": language}
        destination = str(options.get("destination", ""))
        file, fault = "", ""
        try:
            file = self.renderer.overriding_file(channel, kind, event, destination, history)
            if not file:
                return Rendered(await self._in_wording(channel, kind, event, history, options), own=True)
            loop = asyncio.get_running_loop()
            content = await loop.run_in_executor(
                self._queue, lambda: self._in_child(file, (channel, kind, event, history), options)
            )
            self.faults.pop(file, None)
            return Rendered(content)
        except Exception as error:  # noqa: BLE001 - templates are the users' code
            fault = str(error) or type(error).__name__
        if not file:
            return Rendered(self.renderer.fallback(channel, event, language), fault)
        self.faults[file] = fault
        content = await asyncio.to_thread(self._in_own_wording, (channel, kind, event, history), options)
        note = self.translated(FELL_BACK, language) % {"file": file}
        return Rendered(format_of(channel).footnote(content, note), fault)

    def render(
        self, channel: str, kind: Form, event: Event, history: tuple[Event, ...], **options: Any
    ) -> dict[str, Any]:
        """The same, waited for, and with TemplateError where a template fails: for the commands of its author."""
        file = self.renderer.overriding_file(channel, kind, event, options.get("destination", ""), history)
        if not file:
            return self.renderer.render(channel, kind, event, history, **options)
        return self._queue.submit(self._in_child, file, (channel, kind, event, history), options).result()

    def check(self) -> list[str]:
        """Every fault that shows when all messages are made from sample data in every language; none if empty."""
        renderer = self.renderer
        return problems(self.render, renderer.library, renderer.catalogues, renderer.directories)

    async def aclose(self) -> None:
        """Let the messages under way be made, then end the child. Nothing more is rendered.

        Cancelled, it ends the child at once: a thread that waits for it would keep this process from ending.
        """
        try:
            await asyncio.to_thread(self.close)
        except asyncio.CancelledError:
            self._child.kill()
            raise

    def close(self) -> None:
        """The same, waited for."""
        with contextlib.suppress(RuntimeError):  # closed already
            self._queue.submit(self._child.end)
        self._queue.shutdown()

    async def _in_wording(
        self, channel: str, kind: Form, event: Event, history: tuple[Event, ...], options: dict[str, Any]
    ) -> dict[str, Any]:
        """At once if that takes no more than a millisecond. A long message, compiling its file, or leaving it to Jinja
        would hold up everything else, so a thread does that."""
        file = self.renderer.file(channel, kind, event, options.get("destination", ""), history)
        content = None
        if file in self._known and not is_long(event, history):
            content = self.renderer.directly(channel, kind, event, history, **options)
        if content is None:
            render = partial(self.renderer.render, channel, kind, event, history, **options)
            content = await asyncio.to_thread(render)
            self._known.add(file)
        return content

    def _in_child(self, file: str, arguments: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
        """TemplateError too while the file is avoided: one that is too slow must not hold up the other messages."""
        if file in self._avoided and self._clock() < self._avoided[file][0]:
            raise TemplateError(self._avoided[file][1])
        try:
            return self._child.ask(arguments, options)
        except ChildEnded as error:
            fault = f"{file}: {error}"
            self._avoided[file] = (self._clock() + AVOIDED_FOR, fault)
            raise TemplateError(fault) from None

    def _in_own_wording(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
        """In relay's own wording, whose templates are compiled when they are first needed."""
        try:
            if self._built_in is None:
                self._built_in = Renderer(self.renderer.directories[-1:], self.renderer.options)
            return self._built_in.render(*arguments, **options)
        except Exception:  # noqa: BLE001 - a channel of the user's own may have no template but theirs
            channel, _, event, _ = arguments
            return self.renderer.fallback(channel, event, options["language"])
