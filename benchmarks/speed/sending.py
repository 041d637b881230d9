"""Requests sent at their time, whatever is answered meanwhile; or as fast as they are taken, over some connections."""

import asyncio
import re
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

POOL = 64  # connections at most


@dataclass(slots=True)
class Sent:
    """Moments by `time.perf_counter`: when each was due, and when it was answered 2xx."""

    due: list[float] = field(default_factory=list)
    answered: list[float] = field(default_factory=list)
    refused: int = 0

    @property
    def waits(self) -> list[float]:
        """Seconds until the answers."""
        return [answer - due for due, answer in zip(self.due, self.answered, strict=True)]

    @property
    def seconds(self) -> float:
        """From the first request to the last answer."""
        return max(self.answered) - min(self.due)


async def at_a_rate(url: str, requests: Sequence[bytes], rate: float) -> Sent:
    """An open loop: what is late, or waits for a connection, counts from when it was due."""
    async with _Connections(url) as connections:
        begin = time.perf_counter() + 0.05
        sent = Sent([begin + number / rate for number in range(len(requests))], [0.0] * len(requests))

        async def send(number: int) -> None:
            await asyncio.sleep(sent.due[number] - time.perf_counter())
            await _send(connections, requests[number], sent, number)

        await asyncio.gather(*(send(number) for number in range(len(requests))))
    return sent


async def at_once(url: str, requests: Iterable[bytes], lanes: int = 32) -> Sent:
    """A closed loop of so many connections, each of which always waits for its answer."""
    sent, waiting = Sent(), iter(requests)
    async with _Connections(url) as connections:

        async def lane() -> None:
            for request in waiting:
                sent.due.append(time.perf_counter())
                sent.answered.append(0.0)
                await _send(connections, request, sent, len(sent.due) - 1)

        await asyncio.gather(*(lane() for _ in range(lanes)))
    return sent


async def _send(connections: "_Connections", request: bytes, sent: Sent, number: int) -> None:
    status = await connections.send(request)
    sent.answered[number] = time.perf_counter()
    sent.refused += not 200 <= status < 300


class _Connections:
    """Kept open, used by one request at a time."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._address = parts.hostname, parts.port
        self._free: deque[_Connection] = deque()
        self._all: list[_Connection] = []
        self._room = asyncio.Semaphore(POOL)

    async def __aenter__(self) -> "_Connections":
        return self

    async def __aexit__(self, *_: object) -> None:
        for connection in self._all:
            connection.transport.close()

    async def send(self, request: bytes) -> int:
        """The status; 0 if the connection was closed instead."""
        async with self._room:
            connection = self._free.pop() if self._free else await self._open()
            status = await connection.send(request)
            if status:
                self._free.append(connection)
            return status

    async def _open(self) -> "_Connection":
        _, connection = await asyncio.get_running_loop().create_connection(_Connection, *self._address)
        self._all.append(connection)
        return connection


class _Connection(asyncio.Protocol):
    transport: Any
    _answer: asyncio.Future[int]

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self._data = b""

    def send(self, request: bytes) -> "asyncio.Future[int]":
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        self._data += data
        head, separator, body = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        size = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
        if len(body) >= (int(size[1]) if size else 0) and not self._answer.done():
            self._data = b""
            self._answer.set_result(int(head.split(b" ", 2)[1]))

    def connection_lost(self, _error: Exception | None) -> None:
        if hasattr(self, "_answer") and not self._answer.done():
            self._answer.set_result(0)
