"""A process that has imported all of relay, and forks for each command.

So a command is a process of its own, with its own streams, variables and log, and starts in a fraction of the time.
Only what `python -m relay` does before the command, above all its imports, is left out.

A request is one connection: the three standard streams and what to run. It is answered with the command's pid, and
then with its exit status.
"""

import asyncio
import contextlib
import gc
import json
import os
import runpy
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from relay.rendering.template_set import TemplateSet
from relay.resources import resource_dir

ROOT = Path(__file__).parents[2]
NUMBER = struct.Struct("!q")


class ForkServer:
    """The process, as a test's process sees it; it ends with that."""

    def __init__(self, env: Mapping[str, str] | None = None) -> None:
        # Not pytest's tmp_path: that is too long for the path of a socket.
        self._folder = Path(tempfile.mkdtemp(prefix="relay-", dir="/tmp"))
        command = [sys.executable, "-m", __name__, str(self._folder / "sock")]
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        weakref.finalize(self, _end, process, self._folder)
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"

    def start(
        self, arguments: Sequence[str], env: Mapping[str, str], cwd: Path, streams: Sequence[int], module: str = "relay"
    ) -> "Forked":
        """Start `python -m MODULE …` on these streams: its standard input, output and errors."""
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(str(self._folder / "sock"))
        socket.send_fds(connection, [b"\n"], streams)
        connection.sendall(
            json.dumps({"module": module, "arguments": arguments, "env": dict(env), "cwd": str(cwd)}).encode()
        )
        connection.shutdown(socket.SHUT_WR)
        return Forked(_read_number(connection), connection)


@dataclass
class Forked:
    """One command."""

    pid: int
    connection: socket.socket
    returncode: int | None = None

    async def wait(self, seconds: float | None = None) -> int:
        """Its exit status. TimeoutError if it takes longer; then it is killed."""
        if self.returncode is None:
            self.connection.settimeout(seconds)
            try:
                self.returncode = await asyncio.to_thread(_read_number, self.connection)
            except TimeoutError:
                self.send_signal(signal.SIGKILL)
                raise
            self.connection.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Harmless when it has ended."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


@cache
def fork_server() -> ForkServer:
    """The one of this test process, started when the first command is run."""
    return ForkServer()


def _end(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.communicate()  # closes its standard input
    shutil.rmtree(folder, ignore_errors=True)


def _read_number(connection: socket.socket) -> int:
    data = connection.recv(NUMBER.size, socket.MSG_WAITALL)
    assert len(data) == NUMBER.size, "the process that forks has ended"
    return int(NUMBER.unpack(data)[0])


def serve(address: str) -> None:
    """Fork for each connection, until standard input ends: the kernel closes it, however the tests end."""
    for name in import_module("relay.cli").MODULES:
        with contextlib.suppress(ImportError):  # of an extra that is not there: the command itself says so
            import_module(f"relay.cli.{name}")
    TemplateSet([resource_dir("templates")]).complete_shared()  # else each relay would compile it
    gc.collect()
    gc.freeze()  # forks share these pages
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the keepers
        print("ready", flush=True)
        while sys.stdin not in select.select([listener, sys.stdin], [], [])[0]:
            connection, _ = listener.accept()
            if os.fork() == 0:
                _keep(connection)  # and never returns
            connection.close()


def _keep(connection: socket.socket) -> None:
    """Run what the connection asks for in one more process, and say how it ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, *_ = socket.recv_fds(connection, 1, 3)
    request = json.loads(b"".join(iter(lambda: connection.recv(65_536), b"")))
    if pid := os.fork():
        connection.sendall(NUMBER.pack(pid))
        _, status = os.waitpid(pid, 0)
        connection.sendall(NUMBER.pack(os.waitstatus_to_exitcode(status)))
        os._exit(0)
    connection.close()
    _become(request, streams)


def _become(request: Mapping[str, Any], streams: Sequence[int]) -> None:
    """Return what `python -m MODULE` is after its start; leaves by SystemExit."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115 - they live as long as the process
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    os.environ.clear()
    os.environ.update(request["env"])
    os.chdir(request["cwd"])
    sys.argv[1:] = request["arguments"]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    serve(sys.argv[1])
