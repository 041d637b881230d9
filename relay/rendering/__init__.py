"""From an event to what a channel sends: templates, translations, escaping and each channel's limits.

The built-in wording is in `templates/`; a directory of the user's own is searched first, file by file.
`docs/templates.md` is the author's guide. A user's templates cannot take relay down: a message that one of their files
has a part in is made within a time-out, and in relay's own wording if that fails.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from relay.domain.deliveries import Form
from relay.domain.events import Event
from relay.rendering.formats import format_of
from relay.rendering.renderer import DEFAULTS, Brand, Renderer, RenderOptions
from relay.rendering.time_out import SECONDS, TooSlow
from relay.rendering.translations import FELL_BACK

__all__ = ["Brand", "IsolatedRenderer", "RenderOptions", "Renderer"]

AVOIDED_FOR = 60.0  # seconds for which a file that took too long is left alone

Content = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message, and if it is not as the user's templates say, why."""

    content: Content
    fault: str = ""


class IsolatedRenderer:
    """Renderer for the event loop: each message is made in a thread. TemplateError if a file cannot be used at all."""

    def __init__(
        self,
        directories: Sequence[Path],
        options: RenderOptions = DEFAULTS,
        *,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.renderer = Renderer(directories, options, seconds=seconds)
        self.faults: dict[str, str] = {}  # by the user's file, until it serves again
        self._built_in: Renderer | None = None
        self._clock = clock
        self._avoided: dict[str, tuple[float, str]] = {}  # file → until when, and why
        # One thread for relay's own messages: a new one for each would leave an arena of memory behind. One message at
        # a time of the user's files, which hold up nothing else.
        self._worker, self._own_worker = ThreadPoolExecutor(1, "messages"), ThreadPoolExecutor(1, "templates")

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages that there are translations for, English first."""
        return self.renderer.languages

    def translated(self, text: str, language: str) -> str:
        """Return one of relay's own sentences (relay.rendering.translations) in this language."""
        return self.renderer.catalogues.language(language).translations.gettext(text)

    async def message(
        self, channel: str, kind: Form, event: Event, history: tuple[Event, ...], *, language: str, **options: Any
    ) -> Rendered:
        """Render what `Renderer.render` takes. A template's fault costs no message: relay's own wording is used."""
        render = partial(self.renderer.render, channel, kind, event, history, language=language, **options)
        message = channel, kind, event, options.get("destination", ""), history
        file = ""
        try:
            file = self.renderer.overriding_file(*message)
            if not file:
                return Rendered(await _in(self._worker, render))
            content = await _in(self._own_worker, partial(self._unless_avoided, file, render))
        except Exception as error:  # noqa: BLE001 - templates are the users' code
            fault = str(error) or type(error).__name__
        else:
            self.faults.pop(file, None)
            return Rendered(content)
        if not file:
            return Rendered(self.renderer.fallback(channel, event, language), fault)
        self.faults[file] = fault
        options |= {"language": language}
        content = await _in(self._worker, partial(self._built_in_wording, channel, kind, event, history, **options))
        note = self.translated(FELL_BACK, language) % {"file": file}
        return Rendered(format_of(channel).footnote(content, note), fault)

    async def prepare(self) -> None:
        """Compile what relay's own messages share, or read it from the disk, before the first of them."""
        await asyncio.to_thread(self.renderer.library.complete_shared)

    async def aclose(self) -> None:
        """Let the messages under way be made. Nothing more is rendered."""
        await asyncio.to_thread(self._own_worker.shutdown)

    def _unless_avoided(self, file: str, render: Callable[[], Content]) -> Content:
        """Raise TooSlow too while the file is avoided: one that is too slow must not hold up other messages."""
        if file in self._avoided and self._clock() < self._avoided[file][0]:
            raise TooSlow(self._avoided[file][1])
        try:
            return render()
        except TooSlow as error:
            self._avoided[file] = self._clock() + AVOIDED_FOR, str(error)
            raise

    def _built_in_wording(
        self, channel: str, kind: Form, event: Event, history: tuple[Event, ...], *, language: str, **options: Any
    ) -> Content:
        try:
            if self._built_in is None:
                self._built_in = Renderer(self.renderer.directories[-1:], self.renderer.options)
            return self._built_in.render(channel, kind, event, history, language=language, **options)
        except Exception:  # noqa: BLE001 - a channel of the user's own may have no template but theirs
            return self.renderer.fallback(channel, event, language)


async def _in(worker: ThreadPoolExecutor, work: Callable[[], Content]) -> Content:
    return await asyncio.get_running_loop().run_in_executor(worker, work)
