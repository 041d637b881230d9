"""The process that `relay.rendering.isolated` renders the user's templates in: `python -m relay.rendering.child`.

It reads frames, a length and so many bytes: first how to build its renderer, then one message after the other, pickled
by its parent. Its answers are JSON: whatever a template may do here, to the parent they are data. It ends by itself at
the end of its input, and by the kernel's hand where a message takes too much.
"""

import contextlib
import json
import marshal
import os
import pickle
import resource
import signal
import struct
from pathlib import Path
from typing import IO, Any

from relay.errors import RelayError
from relay.rendering.renderer import Renderer
from relay.rendering.sandbox import COMPILED

HEADER = struct.Struct(">I")
MAX_ANSWER = 2 * 2**20  # bytes: a mail's two parts at their largest, and room
TOO_BIG = 75  # exit status of a child that ran out of memory: it is not to be trusted with another message


def write_frame(file: IO[bytes], body: bytes) -> None:
    file.write(HEADER.pack(len(body)) + body)
    file.flush()


def read_frame(file: IO[bytes], limit: int = 2**32) -> bytes | None:
    """The next frame; None if the other side has ended, or means to send more than `limit` bytes."""
    header = file.read(HEADER.size)
    size = HEADER.unpack(header)[0] if len(header) == HEADER.size else limit + 1
    body = file.read(size) if size <= limit else b""
    return body if len(body) == size else None


def main() -> None:
    """Serve until the input ends."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # whoever sends it to all of relay means a reload, which is not for us
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)  # nothing that a library prints gets between the answers
    settings = pickle.loads(read_frame(requests) or b"")  # noqa: S301 - from our parent
    COMPILED.update(marshal.loads(settings["compiled"]))  # noqa: S302 - from our parent, who has compiled most of it
    try:
        renderer = Renderer([Path(folder) for folder in settings["directories"]], settings["options"])
        renderer.library.complete()  # compiling counts towards no message
    except RelayError as error:
        write_frame(answers, json.dumps({"fault": str(error)}).encode())
        return
    limit_memory(settings["memory"])
    write_frame(answers, b"{}")
    while frame := read_frame(requests):
        write_frame(answers, _answer(renderer, frame, settings["seconds"]))


def limit_memory(room: int) -> None:
    """Let this process grow by `room` bytes and no more. Where the system does not say how large it is, the time
    limit alone remains."""
    with contextlib.suppress(OSError, ValueError):
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
        most = pages * resource.getpagesize() + room
        resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(renderer: Renderer, frame: bytes, seconds: float) -> bytes:
    arguments, options = pickle.loads(frame)  # noqa: S301 - from our parent
    signal.setitimer(signal.ITIMER_PROF, seconds)  # its signal has no handler: it ends the process, whatever it does
    try:
        answer: dict[str, Any] = {"content": renderer.render(*arguments, **options)}
        body = json.dumps(answer).encode()
    except Exception as error:  # noqa: BLE001 - templates are the users' code
        if _out_of_memory(error):
            os._exit(TOO_BIG)
        body = json.dumps({"fault": str(error) or type(error).__name__}).encode()
    signal.setitimer(signal.ITIMER_PROF, 0)
    if len(body) > MAX_ANSWER:
        body = json.dumps({"fault": f"the message grows beyond {MAX_ANSWER} bytes"}).encode()
    return body


def _out_of_memory(error: BaseException | None) -> bool:
    while error:
        if isinstance(error, MemoryError):
            return True
        error = error.__cause__ or error.__context__
    return False


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # the parent has ended
        main()
