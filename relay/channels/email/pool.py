"""The few connections that are kept open: a mail through one costs half of what a new one would."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from relay.channels.email.errors import Stage, failed
from relay.channels.email.session import Server, Session, Timeouts

SIZE = 4


class Pool:
    """At most `size` connections to one server, each used by one mail at a time."""

    def __init__(self, server: Server, timeouts: Timeouts, size: int = SIZE) -> None:
        self._server = server
        self._timeouts = timeouts
        self._free = asyncio.Semaphore(size)
        self._idle: dict[Session, asyncio.TimerHandle] = {}
        self._leaving: set[asyncio.Task[None]] = set()
        self._closed = False

    @contextlib.asynccontextmanager
    async def session(self, until: float, *, fresh: bool = False) -> AsyncIterator[Session]:
        """A connection, kept afterwards if it is still good. `fresh` wants one that carried no mail yet."""
        try:
            async with asyncio.timeout_at(until):
                await self._free.acquire()
        except TimeoutError as error:
            raise failed(Stage.CONNECT, error, str(self._server)) from None
        try:
            session = self._take_idle() if not fresh else None
            session = session or Session(self._server, self._timeouts)
            try:
                if not session.used:
                    await session.open(until)
                yield session
            finally:
                self._put_back(session)
        finally:
            self._free.release()

    async def aclose(self) -> None:
        """Take leave of the server on every connection that is idle."""
        self._closed = True
        for session in list(self._idle):
            self._retire(session)
        await asyncio.gather(*self._leaving)

    def _take_idle(self) -> Session | None:
        """The one used last, so that in quiet times the others come of age."""
        while self._idle:
            session, timer = self._idle.popitem()
            timer.cancel()
            if session.usable:
                return session
            session.close()
        return None

    def _put_back(self, session: Session) -> None:
        if not session.usable or self._closed:
            session.close()
            return
        session.used = True
        self._idle[session] = asyncio.get_running_loop().call_later(self._timeouts.idle, self._retire, session)

    def _retire(self, session: Session) -> None:
        self._idle.pop(session).cancel()
        task = asyncio.create_task(session.quit())
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)
