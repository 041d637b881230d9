"""What relay's messages share, compiled before the first of them by another process.

It takes a fifth of a second, which a relay that compiled it itself would take from its events, and leaves 6 MB behind.
Its code is 0.4 MB, and comes in pieces of a millisecond at most. What is needed before that, or where the process
fails, is compiled where it is needed; so is what is of one kind of message alone, in 5 to 15 ms. A thread does that.
"""

import asyncio
import contextlib
import marshal
import os
import signal
import subprocess
import sys
import threading

from relay.rendering.direct.wording import Wording
from relay.rendering.process import child_environment
from relay.rendering.sandbox import COMPILED
from relay.rendering.template_set import TemplateSet
from relay.resources import resource_dir

complete = threading.Event()
"""Set once this process has the code of all of it."""


def precompile() -> None:
    """Compile it here and now."""
    Wording(TemplateSet([resource_dir("templates")])).complete_shared()
    complete.set()


async def precompiled() -> None:
    """Let it be compiled elsewhere, and take the code in piece by piece."""
    if complete.is_set():
        return
    try:
        compiler = _start()
    except OSError:
        return
    with compiler:
        try:
            await asyncio.to_thread(_take_in, compiler)
        finally:
            compiler.kill()  # whoever stops relay does not wait for it


def _start() -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "relay.rendering.precompiled"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True,
        env=child_environment(),
    )  # fmt: skip


def _take_in(compiler: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(EOFError, OSError, ValueError):
        while piece := marshal.load(compiler.stdout):  # type: ignore[arg-type] # noqa: S302 - from our child
            key, code = piece
            COMPILED.setdefault(key, code)
        complete.set()


def main() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # whoever sends it to all of relay means a reload, which is not for us
    os.nice(10)  # after those who have something to send
    precompile()
    for piece in COMPILED.items():
        marshal.dump(piece, sys.stdout.buffer)
    marshal.dump(None, sys.stdout.buffer)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # the parent has ended
        main()
