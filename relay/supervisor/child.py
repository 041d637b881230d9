"""One relay process as its supervisor has it: started, asked, told to serve, ended."""

import asyncio
import contextlib
import json
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from typing import Any, Self

from relay.store.embedded.server import ends_with_parent


class Child:
    """It imports relay and waits; `inside` is its side of the line. Until it serves it holds nothing."""

    def __init__(self, process: Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer
        self.pid = process.pid
        self.serving = False

    @classmethod
    async def start(cls, command: Sequence[str], env: Mapping[str, str]) -> Self:
        """`command` with the number of its end of the line. OSError or SubprocessError: it cannot be started."""
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    str(theirs.fileno()),
                    env=env,
                    pass_fds=[theirs.fileno()],
                    start_new_session=True,
                    # Without its supervisor the private Redis is gone, and another may want the port: no time to drain.
                    preexec_fn=ends_with_parent(signal.SIGINT),
                )
        except BaseException:
            ours.close()
            raise
        return cls(process, *await asyncio.open_connection(sock=ours))

    async def ask(self, question: str, argument: Any = None) -> Any:
        """Its answer. EOFError: it has ended instead."""
        try:
            self._tell(question, argument)
            await self._writer.drain()
            answer = await self._reader.readline()
        except ConnectionError:
            raise EOFError from None
        if not answer:
            raise EOFError
        return json.loads(answer)

    def serve(self, additions: Mapping[str, str]) -> None:
        """Let it begin, with this in its environment."""
        self.serving = True
        self._tell("serve", dict(additions))

    def send_signal(self, number: signal.Signals) -> None:
        """Where it does not serve yet there is nothing to end with care, nor is it ready to hear of it."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(number if self.serving else signal.SIGKILL)

    async def wait(self) -> int:
        """Its exit status."""
        status = await self._process.wait()
        self._writer.close()
        return status

    def _tell(self, order: str, argument: Any) -> None:
        self._writer.write(json.dumps([order, argument]).encode() + b"\n")
