"""A command on a terminal that a test looks at and types on while it runs."""

import asyncio
import contextlib
import fcntl
import os
import pty
import re
import signal
import struct
import termios
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.commands import environment
from tests.support.forked import ROOT, Forked, fork_server
from tests.support.patience import patience
from tests.support.waiting import until

DRAWN = re.compile(r"\x1b\[(\d+);\d+H((?:[^\x1b]|\x1b\[[\d;]*m)*)")  # a line, and where it begins
COLOUR = re.compile(r"\x1b\[[\d;]*m")


@dataclass
class Screen:
    """`wrote` is all that the command has written, escape codes and all. `begun` is how the terminal was before."""

    ours: int
    theirs: int
    command: Forked
    begun: list[Any]
    wrote: str = ""
    _bytes: bytearray = field(default_factory=bytearray)

    @property
    def lines(self) -> list[str]:
        """What is on it now, by what was last drawn on each line."""
        rows: dict[int, str] = {}
        for row, text in DRAWN.findall(self.wrote):
            rows[int(row)] = COLOUR.sub("", text).rstrip()
        return [rows.get(row, "") for row in range(1, max(rows, default=0) + 1)]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)

    @property
    def as_before(self) -> bool:
        """Whether it echoes and gives whole lines again, on its usual screen, with a cursor."""
        left, shown = self.wrote.rfind("\x1b[?1049l"), self.wrote.rfind("\x1b[?25h")
        drawn = self.wrote.rfind("\x1b[?1049h")
        return termios.tcgetattr(self.theirs) == self.begun and left > drawn and shown > self.wrote.rfind("\x1b[?25l")

    async def shows(self, *texts: str) -> str:
        """What is on it, once all of these are."""
        await until(lambda: all(text in self.text for text in texts))
        return self.text

    def type(self, text: str) -> None:
        os.write(self.ours, text.encode())

    def resize(self, columns: int, lines: int) -> None:
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self.command.send_signal(signal.SIGWINCH)

    async def ended(self) -> int:
        """The command's exit status, with all that it wrote."""
        status = await self.command.wait(patience())
        self.take()
        return status

    def take(self) -> None:
        """What it wrote since the last time."""
        with contextlib.suppress(BlockingIOError, OSError):
            while piece := os.read(self.ours, 65_536):
                self._bytes += piece
        self.wrote = self._bytes.decode("utf-8", "ignore")


@contextlib.asynccontextmanager
async def on_screen(
    *arguments: str | Path, env: Mapping[str, str], columns: int = 80, lines: int = 24
) -> AsyncIterator[Screen]:
    """`relay …` on a terminal of this size, with colours but for `env`; it is ended with the context."""
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    begun, loop = termios.tcgetattr(theirs), asyncio.get_running_loop()
    variables = environment({"NO_COLOR": "", "TERM": "xterm-256color", **env})
    command = fork_server().start([*map(str, arguments)], variables, ROOT, [theirs] * 3)
    screen = Screen(ours, theirs, command, begun)
    loop.add_reader(ours, screen.take)
    try:
        yield screen
    finally:
        loop.remove_reader(ours)
        command.send_signal(signal.SIGKILL)
        await command.wait(patience())
        os.close(theirs)
        os.close(ours)
