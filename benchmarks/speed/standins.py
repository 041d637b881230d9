"""A Slack and a mail server that take everything and note when: they cost far less than their senders.

Those of relay's tests and demo check every message and show it, which takes longer than a sender may take here.
"""

import asyncio
import json
import re
import threading
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from importlib import import_module
from importlib.util import find_spec
from itertools import count
from typing import Any, Self, TypeVar

Result = TypeVar("Result")
NAMED = re.compile(rb"op-\d{9}")
POSTS = (b"/api/chat.postMessage", b"/services/")  # one by token, one by webhook
LOOK = 0.02  # seconds


class Arrivals:
    """Moments of each operation's messages, by `time.perf_counter`."""

    def __init__(self) -> None:
        self.moments: dict[str, list[float]] = {}

    def note(self, message: bytes) -> None:
        if match := NAMED.search(message):
            self.moments.setdefault(match[0].decode(), []).append(time.perf_counter())

    def __len__(self) -> int:
        return len(self.moments)

    def wait_for(self, done: Callable[[], bool], seconds: float) -> None:
        """Wait until it is `done`, for at most so many seconds."""
        end = time.perf_counter() + seconds
        while not done() and time.perf_counter() < end:
            time.sleep(LOOK)

    def faults(self, expected: set[str]) -> list[str]:
        """Return which of these are missing, and which came twice."""
        lost, twice = expected - self.moments.keys(), [name for name in expected if len(self.moments.get(name, ())) > 1]
        missing = [f"{len(lost)} of {len(expected)} without a message, such as {min(lost)}"] if lost else []
        return [*missing, *([f"{len(twice)} with two messages, such as {min(twice)}"] if twice else [])]


class Standins:
    """`with Standins() as standins`: both serve in a thread, in which `run` runs what sends, too."""

    def __init__(self) -> None:
        self.slack, self.mail = Arrivals(), Arrivals()
        self._loop = import_module("uvloop").new_event_loop() if find_spec("uvloop") else asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._servers = [self.run(self._serve(kind)) for kind in (_Slack, _Mail)]
        self.slack_port, self.smtp_port = (server.sockets[0].getsockname()[1] for server in self._servers)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        for server in self._servers:
            server.close()
        with suppress(RuntimeError):
            self._loop.close()

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _serve(self, kind: "type[_Slack | _Mail]") -> asyncio.Server:
        arrivals = self.slack if kind is _Slack else self.mail
        return await self._loop.create_server(lambda: kind(arrivals), "127.0.0.1", 0)


class _Peer(asyncio.Protocol):
    def __init__(self, arrivals: Arrivals) -> None:
        self._arrivals = arrivals
        self._data = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport


class _Slack(_Peer):
    """Answers every method with ok; each message has a time stamp of its own."""

    _stamps = count(1)

    def data_received(self, data: bytes) -> None:
        self._data += data
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            head, size = self._data[:end], 0
            if found := re.search(rb"content-length: *(\d+)", head, re.IGNORECASE):
                size = int(found[1])
            if len(self._data) < end + 4 + size:
                return
            body, self._data = self._data[end + 4 : end + 4 + size], self._data[end + 4 + size :]
            if head.split(b" ", 2)[1].startswith(POSTS):
                self._arrivals.note(body)
            answer = json.dumps({"ok": True, "channel": "C0STANDIN", "ts": f"{next(self._stamps)}.000100"}).encode()
            self._transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                % (len(answer), answer)
            )


class _Mail(_Peer):
    """SMTP, as far as a mail needs it."""

    _reading = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._transport.write(b"220 mx.example.com ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._data += data
        while True:
            mark = b"\r\n.\r\n" if self._reading else b"\r\n"
            piece, separator, rest = self._data.partition(mark)
            if not separator:
                return
            self._data = rest
            if self._reading:
                self._reading = False
                self._arrivals.note(piece)
                self._transport.write(b"250 2.0.0 OK queued\r\n")
                continue
            verb = piece[:4].upper()
            self._reading = verb == b"DATA"
            self._transport.write(ANSWERS.get(verb, b"250 2.0.0 OK\r\n"))


ANSWERS = {
    b"EHLO": b"250-mx.example.com\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 10000000\r\n",
    b"DATA": b"354 go ahead\r\n",
    b"QUIT": b"221 2.0.0 bye\r\n",
}
