"""`/api/v1` for the commands of this machine: a unix socket in `data_dir`, which the file's owner alone may open.

No token is asked for: who may open the file may read relay's data as well. Where the socket cannot be had relay goes on
without it, since events must not wait for it; commands then need `--url`.
"""

import contextlib
import fcntl
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler

from relay.config import OPERATOR
from relay.console.access import IDENTITY, Identity
from relay.console.access.browser import API
from relay.operating.relay_sock import ACTOR, NAME, OTHERS, RUN_AS
from relay.receiving.problems import answering
from relay.store.audit import COMMAND

BACKLOG = 16
CUT_OFF = 2.0  # seconds that aiohttp waits at a stop, twice, for commands under way; its default exceeds the grace

log = structlog.get_logger(__name__)


class CommandSocket:
    """`open` and `aclose` never raise for what the file system does."""

    def __init__(self, api: web.Application) -> None:
        app = web.Application(middlewares=[answering(), _as_operator])
        app.add_subapp(API, api)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=CUT_OFF)
        self._path: Path | None = None
        self._identity = (0, 0)  # of the file: after it was removed another relay may have made one of the same name

    async def open(self, data_dir: Path) -> None:
        """Listen in this directory, which is made where there is none."""
        try:
            self._path, bound = _bound(data_dir)
        except OSError as error:
            log.warning("commands.no_socket", path=str(data_dir / NAME), reason=error.strerror or str(error))
            return
        self._identity = _identity(self._path)
        await self._runner.setup()
        await web.SockSite(self._runner, bound, backlog=BACKLOG).start()

    async def aclose(self, _grace: float = 0.0) -> None:
        """Remove the file, and answer what was asked, but for what takes longer than a stop may."""
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            if _identity(self._path) == self._identity:
                self._path.unlink()
        self._path = None
        await self._runner.cleanup()


@web.middleware
async def _as_operator(request: web.Request, handler: Handler) -> web.StreamResponse:
    actor, run_as = (unquote(request.headers.get(name, "")) for name in (ACTOR, RUN_AS))
    request[IDENTITY] = Identity(actor or "operator", OPERATOR, COMMAND, run_as=run_as)
    return await handler(request)


def _bound(directory: Path) -> tuple[Path, socket.socket]:
    """Bind relay.sock, or relay-PID.sock where a living relay has that; the files of dead ones are removed."""
    directory = directory.resolve()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(directory):  # or two that start at once take each other's file for a dead one's
        for path in (directory / NAME, *directory.glob(OTHERS)):
            if path.is_socket() and not _alive(path):
                path.unlink()
        path = directory / NAME
        if path.exists():
            path = path.with_name(f"relay-{os.getpid()}.sock")
        bound = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            bound.bind(str(path))
            path.chmod(0o600)  # before it listens, so before the first connection
            bound.listen(BACKLOG)
        except BaseException:
            bound.close()
            raise
    return path, bound


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    lock = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _alive(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(str(path))
        except BlockingIOError:  # its queue is full
            return True
        except OSError:
            return False
    return True


def _identity(path: Path) -> tuple[int, int]:
    status = path.lstat()
    return status.st_dev, status.st_ino
