"""A picture that is kept up to date on a terminal, until somebody leaves it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from rich.text import Text

from relay.cli.glance import keys
from relay.cli.glance.onlooker import Onlooker
from relay.cli.glance.picture import headline, picture
from relay.cli.glance.sheet import Line, Sheet, letters_of
from relay.cli.glance.story import story
from relay.cli.glance.terminal import Terminal
from relay.cli.glance.view import View
from relay.cli.session import StoreSession, open_session
from relay.console.views.now import NowFacts
from relay.console.views.obstacles import obstacles
from relay.errors import ConfigError, RelayError

AROUND = 2  # lines that are no part of a picture: the headline above, and what can be pressed below
HELP = "q quit  / filter  arrows choose  Enter story  Space more"
HELP_IN_STORY = "q quit  Esc back  arrows, Space more"
AT_ONCE = 65_536  # bytes of what is typed


class Live:
    """`interval` is how many seconds are between two looks; `clock` gives seconds since the epoch."""

    def __init__(
        self, config: Path, env: Mapping[str, str], interval: float, pattern: str, clock: Callable[[], float]
    ) -> None:
        self._config, self._env, self._interval, self._clock = config, env, interval, clock
        self._terminal = Terminal()
        self._keys = keys.Keys()
        self._letters = letters_of(sys.stdout.encoding)
        self._zone = ""
        self._facts: NowFacts | None = None
        self._seen: datetime | None = None  # when Redis last answered
        self._view = View(pattern=pattern)
        self._story: View | None = None  # of the run that is chosen, while that is open
        self._told: list[Line] = []  # what that says
        self._over, self._again = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """RelayError if there was nothing to look at from the start; what goes away later may come back."""
        with self._terminal, self._listening():
            watching, leaving = asyncio.create_task(self._watch()), asyncio.create_task(self._over.wait())
            try:
                await asyncio.wait({watching, leaving}, return_when=asyncio.FIRST_COMPLETED)
                if watching.done():
                    watching.result()
            finally:
                for task in (watching, leaving):
                    task.cancel()
                await asyncio.gather(watching, leaving, return_exceptions=True)

    async def _watch(self) -> None:
        """Look again and again; by another connection, and the configuration of that time, after each failure."""
        while True:
            try:
                async with open_session(self._config, self._env) as session:
                    self._zone = session.config.timezone
                    onlooker = Onlooker(session)
                    while True:
                        await self._look(session, onlooker)
                        await self._rest()
            except RelayError as error:
                if self._seen is None:
                    raise
                self._facts = _away(error, self._seen)
                self._draw()
                await self._rest()

    async def _look(self, session: StoreSession, onlooker: Onlooker) -> None:
        self._facts, self._seen = await onlooker.look(), self._now()
        if self._story:
            self._told = await story(session, self._view.chosen, self._sheet())
        self._draw()

    async def _rest(self) -> None:
        """Until it is time for another look, or somebody waits for one: perhaps since before the last was over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._interval):
                await self._again.wait()
        self._again.clear()

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        """To keys, to a terminal that becomes larger or smaller, and to whoever ends or suspends this."""
        loop = asyncio.get_running_loop()
        heard = dict.fromkeys((signal.SIGINT, signal.SIGTERM, signal.SIGHUP), self._over.set)
        heard |= {signal.SIGWINCH: self._draw, signal.SIGTSTP: self._suspend}
        for number, react in heard.items():
            loop.add_signal_handler(number, react)
        if self._terminal.keys is not None:
            loop.add_reader(self._terminal.keys, self._read, self._terminal.keys)
        try:
            yield
        finally:
            if self._terminal.keys is not None:
                loop.remove_reader(self._terminal.keys)
            for number in heard:
                loop.remove_signal_handler(number)

    def _read(self, source: int) -> None:
        try:
            piece = os.read(source, AT_ONCE)
        except OSError:  # the terminal is gone
            piece = b""
        if not piece:
            self._over.set()
        for key in self._keys.pressed(piece):
            self._press(key)
        self._draw()

    def _press(self, key: str) -> None:
        if self._view.typing and not self._story:
            self._view.press(key, self._lines())
        elif key == "q":
            self._over.set()
        elif self._story and key in (keys.ESCAPE, keys.ERASE):
            self._story, self._told = None, []
        elif self._story:
            self._story.press(key, self._told)
        elif key == keys.ENTER and self._view.chosen:
            self._story, self._told = View(filters=False), []
            self._again.set()
        else:
            self._view.press(key, self._lines())

    def _suspend(self) -> None:
        self._terminal.suspend()
        self._draw()

    def _draw(self) -> None:
        """What was seen last, on the terminal as it is now."""
        size, sheet = self._terminal.size, self._sheet()
        view, lines = self._story or self._view, self._lines()
        view.height = max(1, size.lines - AROUND)
        shown = [self._marked(line) for line in view.shown(lines)]
        head = headline(self._facts, sheet) if self._facts else Text("Looking ...", "dim")
        rows = [head, *shown, *([Text()] * (view.height - len(shown))), self._foot(view, len(lines), sheet)]
        with contextlib.suppress(OSError):  # a terminal that is gone is noticed by its keys
            self._terminal.draw(rows[: size.lines])

    def _lines(self) -> list[Line]:
        if self._story:
            return self._told
        return picture(self._facts, self._sheet(), self._view.pattern) if self._facts else []

    def _marked(self, line: Line) -> Text:
        if not line.run or line.run != self._view.chosen:
            return line.text
        mark = f"{self._letters.chosen} "
        return Text(mark, "bold cyan").append_text(line.text[len(mark) :])

    def _foot(self, view: View, count: int, sheet: Sheet) -> Text:
        if view.typing:
            return sheet.cell(Text(f"/{view.pattern}_  Enter keeps it, Esc shows all", "reverse"), sheet.width)
        last = min(view.top + view.height, count)
        extent = f"{view.top + 1}-{last} of {count}" if count > view.height else ""
        filtered = f"/{view.pattern}  " if view.pattern else ""
        offered = Text(f"{filtered}{HELP_IN_STORY if self._story else HELP}", "dim")
        return sheet.cell(offered, sheet.width - len(extent)).append(extent, "dim")

    def _sheet(self) -> Sheet:
        return Sheet(self._terminal.size.columns, self._now(), self._zone, self._letters)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)


def _away(error: RelayError, since: datetime) -> NowFacts:
    """What is known while there is nobody to ask."""
    checks = {"configuration" if isinstance(error, ConfigError) else "redis": str(error)}
    rows = [row.model_copy(update={"since": since}) for row in obstacles(checks, {})]
    return NowFacts(ready=False, checks=checks, obstacles=rows, durability="")
