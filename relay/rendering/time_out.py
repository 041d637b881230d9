"""Time-out of a user's template: its thread is ended after so much processor time, so that a busy machine costs nobody
their wording."""

import ctypes
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread, get_ident
from typing import TypeVar

from relay.errors import TemplateError

SECONDS = 2.0  # of processor time
PATIENCE = 60.0  # seconds by the clock, for a thread that gets no time at all
LOOK = 0.1  # seconds between two looks at its time
TRIES = 20  # to end it: what Python calls by itself may swallow one

Result = TypeVar("Result")


class TooSlow(TemplateError):
    """The template took more time than it may."""


class _Ended(BaseException):
    """Raised in the thread, and caught by no template."""


def within(seconds: float, file: str, work: Callable[[], Result], *, patience: float = PATIENCE) -> Result:
    """Return what `work` does in a thread that is ended after so much processor time. TooSlow names the file."""
    done: Future[Result] = Future()
    clocks: list[int] = []

    def run() -> None:
        if hasattr(time, "pthread_getcpuclockid"):  # not on macOS, where the time by the clock is all
            clocks.append(time.pthread_getcpuclockid(get_ident()))
        try:
            done.set_result(work())
        except _Ended:
            done.set_exception(TooSlow(f"{file}: it took more than {seconds:g} s of processor time"))
        except Exception as error:  # noqa: BLE001 - raised again below
            done.set_exception(error)

    thread = Thread(target=run, name="template", daemon=True)
    thread.start()
    until = time.monotonic() + patience
    while time.monotonic() < until and (not clocks or _used(clocks[0]) < seconds):
        if _is_over(done):
            return done.result()
    for _ in range(TRIES):  # one step of Python's own may take longer: it cannot be ended, and is not waited for
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(_Ended))
        if _is_over(done):
            return done.result()
    raise TooSlow(f"{file}: it does not end")


def _is_over(done: "Future[Result]") -> bool:
    try:
        done.exception(LOOK)
    except TimeoutError:
        return False
    return True


def _used(clock: int) -> float:
    try:
        return time.clock_gettime(clock)
    except OSError:  # the thread is over
        return 0.0
