"""From an event to what a channel sends: templates, translations, escaping and each channel's limits.

The built-in wording is in `templates/`; a directory of the user's own is searched first, file by file.
`docs/templates.md` is the author's guide. A user's templates cannot take relay down: a message that one of their files
has a part in is made within the bounds of the sandbox, and in relay's own wording if that fails.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import Thread, get_ident
from typing import Any, TypeVar

from relay.domain.deliveries import Form
from relay.domain.events import Event
from relay.errors import TemplateError
from relay.rendering.bounds import BOUNDS, Bounds, TooMuch
from relay.rendering.formats import format_of
from relay.rendering.renderer import DEFAULTS, Brand, Renderer, RenderOptions
from relay.rendering.translations import FELL_BACK

__all__ = ["Brand", "IsolatedRenderer", "RenderOptions", "Renderer", "in_daemon"]

AVOIDED_FOR = 60.0  # seconds for which a file that took too much is left alone
PATIENCE = 10.0  # seconds of processor time, or by the clock without any, for a thread that does not come back

Content = dict[str, Any]
Result = TypeVar("Result")


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
        bounds: Bounds = BOUNDS,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
        data_dir: Path | None = None,
    ) -> None:
        self.renderer = Renderer(directories, options, bounds=bounds, data_dir=data_dir)
        self.faults: dict[str, str] = {}  # by the user's file, until it serves again
        self._built_in: Renderer | None = None
        self._patience = patience
        self._clock = clock
        self._avoided: dict[str, tuple[float, str]] = {}  # file → until when, and why
        self._data_dir = data_dir
        # One thread for relay's own messages: a new one for each would leave an arena of memory behind.
        self._worker = ThreadPoolExecutor(1, "messages")
        self._sandbox_lock = asyncio.Lock()  # one message at a time in the sandbox, which holds up nothing else

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
                return Rendered(await self._in_worker(render))
            content = await self._in_sandbox(file, render)
        except Exception as error:  # noqa: BLE001 - templates are the users' code
            fault = str(error) or type(error).__name__
        else:
            self.faults.pop(file, None)
            return Rendered(content)
        if not file:
            return Rendered(self.renderer.fallback(channel, event, language), fault)
        self.faults[file] = fault
        options |= {"language": language}
        content = await self._in_worker(partial(self._built_in_wording, channel, kind, event, history, **options))
        note = self.translated(FELL_BACK, language) % {"file": file}
        return Rendered(format_of(channel).footnote(content, note), fault)

    async def prepare(self) -> None:
        """Compile what relay's own messages share, or read it from the disk, before the first of them."""
        await asyncio.to_thread(self.renderer.library.complete_shared)

    async def aclose(self) -> None:
        """Let the messages under way be made. Nothing more is rendered."""
        async with self._sandbox_lock:
            pass

    async def _in_worker(self, work: Callable[[], Content]) -> Content:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    async def _in_sandbox(self, file: str, render: Callable[[], Content]) -> Content:
        """Raise TemplateError too while the file is avoided: one that is too slow must not hold up other messages."""
        if file in self._avoided and self._clock() < self._avoided[file][0]:
            raise TemplateError(self._avoided[file][1])
        try:
            async with self._sandbox_lock:
                return await in_daemon(render, self._patience)
        except TimeoutError:  # the thread goes on, and neither the next message nor a stop waits for it
            fault = f"{file}: it was not made within {self._patience:g} s"
        except TemplateError as error:
            if not _took_too_much(error):
                raise
            fault = str(error)
        self._avoided[file] = self._clock() + AVOIDED_FOR, fault
        raise TemplateError(fault)

    def _built_in_wording(
        self, channel: str, kind: Form, event: Event, history: tuple[Event, ...], *, language: str, **options: Any
    ) -> Content:
        try:
            if self._built_in is None:
                directories = self.renderer.directories[-1:]
                self._built_in = Renderer(directories, self.renderer.options, data_dir=self._data_dir)
            return self._built_in.render(channel, kind, event, history, language=language, **options)
        except Exception:  # noqa: BLE001 - a channel of the user's own may have no template but theirs
            return self.renderer.fallback(channel, event, language)


async def in_daemon(work: Callable[[], Result], patience: float | None = None) -> Result:
    """Return what `work` does in a thread that keeps no process from ending; those of asyncio.to_thread do.

    TimeoutError once it has taken `patience` seconds of processor time, or none in as many by the clock: on a busy
    machine it may take longer.
    """
    done: Future[Result] = Future()
    done.set_running_or_notify_cancel()  # so that a result after the deadline is taken, and seen by no one
    clocks: list[int] = []  # the thread's, once it runs

    def run() -> None:
        if hasattr(time, "pthread_getcpuclockid"):  # not on macOS, where twice the time by the clock is all
            clocks.append(time.pthread_getcpuclockid(get_ident()))
        try:
            done.set_result(work())
        except Exception as error:  # noqa: BLE001 - raised again where it is awaited
            done.set_exception(error)

    Thread(target=run, name="template", daemon=True).start()
    result, taken = asyncio.wrap_future(done), -1.0
    try:
        while not (await asyncio.wait([result], timeout=patience))[0]:
            before, taken = taken, _time_of(clocks)
            if taken == before or (patience and taken > patience):
                raise TimeoutError
        return await result
    finally:
        result.cancel()  # nobody waits for it any more


def _time_of(clocks: list[int]) -> float:
    """Return the processor time of the thread with this clock; it may not have begun, or have ended just now."""
    try:
        return time.clock_gettime(clocks[0]) if clocks else 0.0
    except OSError:
        return 0.0


def _took_too_much(error: BaseException | None) -> bool:
    while error and not isinstance(error, TooMuch):
        error = error.__cause__
    return error is not None
