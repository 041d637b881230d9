"""The terminal while a picture is kept up to date on it: its other screen, its keys, and all as it was afterwards."""

import contextlib
import os
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from rich.console import Console, Group
from rich.text import Text

from relay.cli.screen import console as screen

USUAL = os.terminal_size((80, 24))  # of a terminal that does not say how large it is
BLIND = ("", "dumb", "unknown")  # what TERM says of a terminal that has no other screen


def is_live() -> bool:
    """Whether standard output is a terminal on which something can be kept up to date."""
    return sys.stdout.isatty() and os.environ.get("TERM", "") not in BLIND


class Terminal:
    """Entered, it shows its other screen, and gives keys as they are pressed. Left, it is as before.

    `keys` is where they are read, None where nobody can press any.
    """

    def __init__(self) -> None:
        self.keys = sys.stdin.fileno() if sys.stdin.isatty() else None
        self._console: Console = screen()
        self._before: list[Any] = []

    @property
    def size(self) -> os.terminal_size:
        """As it is now, whatever COLUMNS said at the start."""
        try:
            size = os.get_terminal_size(sys.stdout.fileno())
        except OSError:  # it is gone
            return USUAL
        return size if size.columns > 0 and size.lines > 0 else USUAL

    def __enter__(self) -> "Terminal":
        self._open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        with contextlib.suppress(OSError, termios.error):  # it may be gone
            self._close()

    def draw(self, lines: Sequence[Text]) -> None:
        """From its first line on; what is too wide is cut, what is below is empty."""
        self._console.size = self.size
        for line in lines:
            line.no_wrap, line.overflow = True, "crop"
        self._console.update_screen(Group(*lines))

    def suspend(self) -> None:
        """Stop, as Ctrl-Z has programs do, until the shell lets this one go on."""
        self._close()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._open()

    def _open(self) -> None:
        if self.keys is not None:
            self._before = termios.tcgetattr(self.keys)
            tty.setcbreak(self.keys)
        self._console.set_alt_screen(True)
        self._console.show_cursor(False)

    def _close(self) -> None:
        try:
            self._console.show_cursor(True)
            self._console.set_alt_screen(False)
        finally:
            if self.keys is not None and self._before:
                termios.tcsetattr(self.keys, termios.TCSADRAIN, self._before)
