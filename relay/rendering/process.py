"""The parent's side of `relay.rendering.child`: starting it, asking it, and knowing why it had to go."""

import contextlib
import json
import marshal
import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import relay
from relay.errors import TemplateError
from relay.rendering.child import MAX_ANSWER, TOO_BIG, read_frame, write_frame
from relay.rendering.renderer import RenderOptions
from relay.rendering.sandbox import COMPILED
from relay.rendering.texts import line

START = 30.0  # seconds by the clock for the child to import and to compile every template
# What of our environment is the child's as well: none of the variables that may hold a secret.
KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "LD_LIBRARY_PATH", "PYTHONHOME", "PYTHONDONTWRITEBYTECODE")


def child_environment() -> dict[str, str]:
    """What a process that works with templates gets. Relay's secrets are not for it."""
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(relay.__file__).parents[1])}


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one message may take."""

    seconds: float = 1.0  # of processor time, so that a busy machine costs nobody their wording
    memory: int = 256 * 2**20  # bytes beyond what the child has before its first message
    patience: float = 10.0  # seconds by the clock, for a child that neither answers nor works


BOUNDS = Bounds()


class ChildEnded(TemplateError):
    """The message has cost the child its life."""


class Child:
    """The process, started when it is first asked. Not for several threads at a time."""

    def __init__(self, directories: Sequence[Path], options: RenderOptions, bounds: Bounds) -> None:
        self._settings = {
            "directories": [str(directory.absolute()) for directory in directories], "options": options,
            "memory": bounds.memory, "seconds": bounds.seconds,
        }  # fmt: skip
        self._bounds = bounds
        self._process: subprocess.Popen[bytes] | None = None

    def ask(self, arguments: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
        """The content of a message. TemplateError as the renderer raises it; Ended if the child had to go."""
        self._start()
        answer = self._exchange(pickle.dumps((arguments, options)), self._bounds.patience)
        content: dict[str, Any] = answer["content"]
        return content

    def kill(self) -> None:
        """Let whoever waits for an answer wait no longer. From any thread."""
        if process := self._process:
            process.kill()

    def end(self) -> None:
        """End the process, if there is one, and take its status: none stays behind as a zombie."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):  # what was not written any more
                pipe.close()  # type: ignore[union-attr]  # both are pipes

    def _start(self) -> None:
        if self._process and self._process.poll() is None:
            return
        self.end()
        # A session of its own: Ctrl-C is for relay, which then lets it finish.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "relay.rendering.child"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
            env=child_environment(),
        )  # fmt: skip
        self._exchange(pickle.dumps(self._settings | {"compiled": marshal.dumps(COMPILED)}), START)

    def _exchange(self, request: bytes, patience: float) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise ChildEnded("its process is gone")
        late = threading.Event()

        def give_up() -> None:
            late.set()
            process.kill()

        timer = threading.Timer(patience, give_up)
        timer.daemon = True
        timer.start()
        try:
            write_frame(process.stdin, request)
            body = read_frame(process.stdout, MAX_ANSWER)
        except OSError:  # it ended before it had read everything
            body = None
        finally:
            timer.cancel()
        if body is None:
            raise self._why_ended(patience if late.is_set() else 0.0)
        answer = json.loads(body)
        if "fault" in answer:
            raise TemplateError(line(str(answer["fault"])))
        return dict(answer)

    def _why_ended(self, patience: float) -> ChildEnded:
        """Why the child had to go, as far as its end tells."""
        process = self._process
        with contextlib.suppress(subprocess.TimeoutExpired, AttributeError):
            process.wait(1.0)  # type: ignore[union-attr]  # its output has ended, so it is about to
        status = process.poll() if process else None
        self.end()
        if patience:
            return ChildEnded(f"it gave no answer within {patience:g} s")
        if status == -signal.SIGPROF:
            return ChildEnded(f"it took more than {self._bounds.seconds:g} s of processor time")
        if status == TOO_BIG:
            return ChildEnded(f"it needed more than {self._bounds.memory // 2**20} MB of memory")
        return ChildEnded(f"its process ended with status {status}")
