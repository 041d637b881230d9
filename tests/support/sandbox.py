"""A sandbox on a virtual clock: its API over real HTTP, its state in a real Redis, and a receiver for what it sends."""

import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.request import Request, urlopen

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from relay.store.embedded.launch import ends_with_parent
from relay_sandbox.api.server import ApiServer
from relay_sandbox.context import SandboxContext
from relay_sandbox.schema.texts import Links
from relay_sandbox.service import SandboxWorker
from relay_sandbox.storage.state import State
from tests.support.clock import Clock
from tests.support.commands import ROOT, environment
from tests.support.events import SEED
from tests.support.patience import patience

TOKEN = "sandbox-token"
SCOPE = "/api/tenant-1/project-1/async"


@dataclass
class ReceivedRequest:
    """One request that the sandbox sent."""

    path: str
    headers: dict[str, str]
    raw: bytes
    at: float

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def event(self) -> str:
        return str(self.body["event"])


@dataclass
class Receiver:
    """Takes everything; `answers` are by path the next statuses, or addresses to redirect to."""

    clock: Clock
    requests: list[ReceivedRequest] = field(default_factory=list)
    answers: dict[str, list[int | str]] = field(default_factory=dict)
    url: str = ""

    async def receive(self, request: web.Request) -> web.Response:
        self.requests.append(
            ReceivedRequest(request.path_qs, dict(request.headers), await request.read(), self.clock())
        )
        answers = self.answers.get(request.path, [])
        answer = answers.pop(0) if answers else 204
        if isinstance(answer, str):
            raise web.HTTPTemporaryRedirect(answer)
        return web.Response(status=answer)

    def events(self, path: str = "") -> list[str]:
        return [request.event for request in self.requests if request.path.startswith(path)]


@dataclass
class Stage:
    clock: Clock
    receiver: Receiver
    worker: SandboxWorker
    state: State
    url: str
    session: aiohttp.ClientSession

    def example(self, name: str) -> Any:
        """One of the API's example requests, with the receiver's address in the place of the example's."""
        text = (SEED / f"{name}.request.json").read_text("utf-8")
        return json.loads(text.replace("https://your-app.com", self.receiver.url))

    async def ask(self, method: str, path: str, body: Any = None, *, status: int | None = None, **options: Any) -> Any:
        headers = options.pop("headers", {"Authorization": f"Bearer {TOKEN}"})
        async with self.session.request(
            method, f"{self.url}{SCOPE}{path}", json=body, headers=headers, **options
        ) as answer:
            text = await answer.text()
            assert status is None or answer.status == status, f"{answer.status} {text}"
            return json.loads(text) if text else None

    async def start(self, **fields: Any) -> Any:
        body = {"operationType": "ProcessMiningAnalysis", "operationName": "Journey"} | fields
        return await self.ask("POST", "/operation", body, status=202)

    async def get(self, id_: str) -> Any:
        return await self.ask("GET", f"/operation/{id_}", status=200)

    async def advance(self, seconds: float) -> None:
        """Let so much time pass, stopping wherever something is due."""
        until = self.clock.now + seconds
        while True:
            while await self.worker.turn() + await self.worker.outbox.turn():
                pass
            due = [at for queue in ("due", "outbox") if (at := await self.state.earliest(queue)) is not None]
            ahead = [at for at in due if at <= until]
            if not ahead:
                break
            self.clock.now = max(self.clock.now, min(ahead))
        self.clock.now = until


@asynccontextmanager
async def stage(redis_url: str, clock: Clock, *, tick: float = 0.0) -> AsyncIterator[Stage]:
    """`tick`: seconds that pass before each GET, for a program that waits between them."""

    @web.middleware
    async def time_passes(request: web.Request, handler: Any) -> web.StreamResponse:
        if tick and request.method == "GET":
            await opened.advance(tick)
        return await handler(request)  # type: ignore[no-any-return]

    async with AsyncExitStack() as stack:
        state = State.open(redis_url)
        stack.push_async_callback(state.aclose)
        links = Links("", await state.key())
        context = SandboxContext(state, clock, links, 1.0)
        server = ApiServer(context, TOKEN)
        served = server.app()
        served.middlewares.append(time_passes)
        front = await stack.enter_async_context(TestServer(served))
        receiver = Receiver(clock)
        app = web.Application()
        app.router.add_post("/{path:.*}", receiver.receive)
        target = await stack.enter_async_context(TestServer(app))
        receiver.url = str(target.make_url("")).rstrip("/")
        session = await stack.enter_async_context(aiohttp.ClientSession())
        links.base_url = str(front.make_url("")).rstrip("/")
        worker = SandboxWorker(context, server, session)
        worker.outbox._jitter = lambda: 0.0
        opened = Stage(clock, receiver, worker, state, links.base_url, session)
        yield opened


class SandboxProcess:
    """`relay sandbox` as people run it, in a process of its own, on any free port or on one that it had before.

    It needs a Redis of its own: by the real clock, all that tests put there by theirs is due at once.
    """

    def __init__(self, *arguments: str, port: int = 0) -> None:
        self._command = [sys.executable, "-m", "relay", "sandbox", "--token", TOKEN, "--port", f"{port}", *arguments]
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.page = ""

    def __enter__(self) -> Self:
        with tempfile.TemporaryFile("w+") as log:
            self._process = subprocess.Popen(
                self._command, cwd=ROOT, env=environment({}), text=True, stdout=subprocess.PIPE, stderr=log,
                preexec_fn=ends_with_parent(),  # noqa: PLW1509 - it makes two system calls, no more
            )  # fmt: skip
            assert self._process.stdout
            try:
                lines = [self._process.stdout.readline() for _ in range(3)]
                log.seek(0)
                assert lines[0].startswith("API"), f"the sandbox did not start:\n{log.read()}"
            except BaseException:  # also a test's time-out: one that nobody ends would go on beside all later tests
                self.kill()
                raise
        self.url = lines[0].split()[1].partition("/api/")[0]
        self.page = lines[1].split()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._end(signal.SIGTERM)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def ask(self, path: str, body: Any = None, scope: str = "t/p") -> Any:
        """GET, or with a body POST, below a project's `async`; the document that is answered."""
        data = json.dumps(body).encode() if body is not None else None
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        request = Request(f"{self.url}/api/{scope}/async{path}", data, headers)  # noqa: S310 - it is on loopback
        with urlopen(request, timeout=patience()) as answer:  # noqa: S310
            return json.load(answer)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def _end(self, by: signal.Signals) -> None:
        process, self._process = self._process, None
        if process:
            with process:
                process.send_signal(by)
                try:
                    process.wait(patience())
                except BaseException:
                    process.kill()
                    raise
