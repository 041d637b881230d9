"""From an event to what a channel sends: templates, translations, escaping and each channel's limits.

The built-in wording is in `templates/`; a directory of the user's own is searched first, file by file.
`docs/templates.md` is the author's guide.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from relay.domain.deliveries import Form
from relay.domain.events import Document, Event
from relay.errors import TemplateError
from relay.rendering.bounds import BOUNDS, Bounds, TooMuch
from relay.rendering.formats import format_of
from relay.rendering.renderer import DEFAULTS, Brand, Renderer, RenderOptions
from relay.rendering.translations import FELL_BACK

__all__ = ["Brand", "IsolatedRenderer", "RenderOptions", "Renderer"]


AVOIDED_FOR = 60.0  # seconds for which a file that took too much is left alone
PATIENCE = 10.0  # seconds by the clock, for a thread that does not come back


@dataclass(frozen=True, slots=True)
class Rendered:
    """A message, and if it is not as the user's templates say, why."""

    content: dict[str, Any]
    fault: str = ""


class IsolatedRenderer:
    """A renderer for the event loop. TemplateError names the fault of a file that cannot be used at all."""

    def __init__(
        self,
        directories: Sequence[Path],
        options: RenderOptions = DEFAULTS,
        *,
        bounds: Bounds = BOUNDS,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        data_dir: Path | None = None,
    ) -> None:
        self.renderer = Renderer(directories, options, bounds=bounds, data_dir=data_dir)
        self.faults: dict[str, str] = {}  # file of the user's own → what became of it; until it serves again
        self._built_in: Renderer | None = None
        self._patience = patience
        self._clock = clock
        self._avoided: dict[str, tuple[float, str]] = {}  # file → until when, and why
        self._known: set[str] = set()  # the built-in files that are compiled
        self._data_dir = data_dir
        self._one = asyncio.Lock()  # messages are made one after the other, and waiting for them holds up nothing else

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages there are translations for, English first."""
        return self.renderer.languages

    def translated(self, text: str, language: str) -> str:
        """One of relay's own sentences (relay.rendering.translations) in this language."""
        return self.renderer.catalogues.language(language).translations.gettext(text)

    async def message(
        self, channel: str, kind: Form, event: Event, history: tuple[Event, ...], *, language: str, **options: Any
    ) -> Rendered:
        """The content of one notification, from what `Renderer.render` takes. A template's fault never costs a
        message: another wording is used then, and says so."""
        render = partial(self.renderer.render, channel, kind, event, history, language=language, **options)
        file = ""
        try:
            file = self.renderer.overriding_file(channel, kind, event, options.get("destination", ""), history)
            if not file:
                built_in = self.renderer.file(channel, kind, event, options.get("destination", ""), history)
                return Rendered(await self._in_wording(built_in, is_long(event, history), render))
            content = await self._in_sandbox(file, render)
        except Exception as error:  # noqa: BLE001 - templates are the users' code
            fault = str(error) or type(error).__name__
        else:
            self.faults.pop(file, None)
            return Rendered(content)
        if not file:
            return Rendered(self.renderer.fallback(channel, event, language), fault)
        self.faults[file] = fault
        content = await asyncio.to_thread(
            self._in_own_wording, channel, kind, event, history, language=language, **options
        )
        note = self.translated(FELL_BACK, language) % {"file": file}
        return Rendered(format_of(channel).footnote(content, note), fault)

    async def prepare(self) -> None:
        """Compile what relay's own messages share, or read it from the disk, before the first of them."""
        await asyncio.to_thread(self.renderer.library.complete_shared)

    async def aclose(self) -> None:
        """Let the messages under way be made. Nothing more is rendered."""
        async with self._one:
            pass

    async def _in_wording(self, file: str, long: bool, render: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """At once if that takes no more than a millisecond. A long message, or one whose file has to be compiled, would
        hold up everything else, so a thread makes it."""
        if file in self._known and not long:
            return render()
        content = await asyncio.to_thread(render)
        self._known.add(file)
        return content

    async def _in_sandbox(self, file: str, render: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """TemplateError too while the file is avoided: one that is too slow must not hold up the other messages."""
        if file in self._avoided and self._clock() < self._avoided[file][0]:
            raise TemplateError(self._avoided[file][1])
        try:
            async with self._one, asyncio.timeout(self._patience):
                return await _in_daemon(render)
        except TimeoutError:  # the thread goes on, and neither the next message nor a stop waits for it
            fault = f"{file}: it was not made within {self._patience:g} s"
        except TemplateError as error:
            if not _took_too_much(error):
                raise
            fault = str(error)
        self._avoided[file] = self._clock() + AVOIDED_FOR, fault
        raise TemplateError(fault)

    def _in_own_wording(
        self, channel: str, kind: Form, event: Event, history: tuple[Event, ...], *, language: str, **options: Any
    ) -> dict[str, Any]:
        try:
            if self._built_in is None:
                directories = self.renderer.directories[-1:]
                self._built_in = Renderer(directories, self.renderer.options, data_dir=self._data_dir)
            return self._built_in.render(channel, kind, event, history, language=language, **options)
        except Exception:  # noqa: BLE001 - a channel of the user's own may have no template but theirs
            return self.renderer.fallback(channel, event, language)


async def _in_daemon(work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what `work` does in a thread that keeps no process from ending; those of asyncio.to_thread do."""
    loop = asyncio.get_running_loop()
    made: asyncio.Future[dict[str, Any]] = loop.create_future()

    def settle(content: dict[str, Any] | None, error: Exception | None) -> None:
        if made.done():  # it was waited for long enough
            return
        if error:
            made.set_exception(error)
        else:
            made.set_result(content or {})

    def run() -> None:
        outcome: tuple[dict[str, Any] | None, Exception | None]
        try:
            outcome = work(), None
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            outcome = None, error
        with suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(settle, *outcome)

    Thread(target=run, name="template", daemon=True).start()
    return await made


def _took_too_much(error: BaseException | None) -> bool:
    while error and not isinstance(error, TooMuch):
        error = error.__cause__
    return error is not None


MOST_ROWS = 25  # phases, files, operations: with these a message is made within a millisecond
A_ROW = 160  # characters of a text


def is_long(event: Event, history: Sequence[Event]) -> bool:
    """Looks where documents have their lists and long texts: in themselves and in their parts."""
    rows = _rows(event.document)
    for other in history:
        if other is not event:
            rows += _rows(other.document)
    return rows > MOST_ROWS


def _rows(document: Document) -> int:
    rows = 0
    for part in (document, *document.values()):
        if isinstance(part, dict):
            for value in part.values():
                if isinstance(value, str):
                    rows += len(value) // A_ROW
                elif isinstance(value, list):
                    rows += len(value)
    return rows
