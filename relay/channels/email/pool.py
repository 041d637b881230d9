"""Pool of open connections: a mail through one costs half of what a new one would."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from relay.channels.email.errors import Stage, failed
from relay.channels.email.session import Server, Session, Timeouts

SIZE = 4


class Pool:
    """Pool of at most `size` connections to one server, each used by one mail at a time."""

    def __init__(self, server: Server, timeouts: Timeouts, size: int = SIZE) -> None:
        self._server = server
        self._timeouts = timeouts
        self._free = asyncio.Semaphore(size)
        self._idle: dict[Session, asyncio.TimerHandle] = {}
        self._quitting: set[asyncio.Task[None]] = set()
        self._closed = False

    @contextlib.asynccontextmanager
    async def session(self, until: float, *, fresh: bool = False) -> AsyncIterator[Session]:
        """Lend a connection, kept afterwards if it is still usable. `fresh`: one that carried no mail yet."""
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
        """Quit on every idle connection."""
        self._closed = True
        for session in list(self._idle):
            self._retire(session)
        await asyncio.gather(*self._quitting)

    def _take_idle(self) -> Session | None:
        """Return the one used last, so that in quiet times the others expire."""
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
        self._quitting.add(task)
        task.add_done_callback(self._quitting.discard)
