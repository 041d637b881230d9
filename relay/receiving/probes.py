"""Probes, metrics and the OpenAPI document. Details are for the operators' listener alone."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Generic, TypeVar

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from relay.receiving import openapi
from relay.receiving.addresses import READ, Route

PERIOD = 1.0  # seconds
JUST_NOW = 0.1  # seconds: a probe is asked to find out what has changed, and costs less than the metrics
# What operators are served besides.
BESIDES: web.AppKey[Callable[[], Awaitable[Iterable[openapi.Address]]]] = web.AppKey("besides")
Answer = TypeVar("Answer")
ROOT = """\
This is relay, the webhook target for long-running operations: it tells people what happens to them.
"""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Readiness to accept and deliver events, with a sentence for each part, or "ok".

    memory  shares in bytes, and what they can hold; nothing while it is not known
    """

    ready: bool
    checks: Mapping[str, str]
    memory: Mapping[str, int] = field(default_factory=dict)


STOPPING = Readiness(ready=False, checks={"server": "stopping"})


@dataclass(eq=False)
class Remembered(Generic[Answer]):
    """An answer that is asked for once a period, however many want it. Errors are not remembered."""

    ask: Callable[[], Awaitable[Answer]]
    period: float = PERIOD
    clock: Callable[[], float] = time.monotonic
    _asked_at: float = -inf
    _answers: list[Answer] = field(default_factory=list)  # the last one
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> Answer:
        async with self._turn:
            if self.clock() - self._asked_at >= self.period:
                self._answers = [await self.ask()]
                self._asked_at = self.clock()
            return self._answers[0]


class Probes:
    """Answers of both listeners. Set `stopping` to be not ready any more."""

    def __init__(self, readiness: Callable[[], Awaitable[Readiness]], public_url: str) -> None:
        self.stopping = False
        self._readiness = Remembered(readiness, JUST_NOW)
        self._exposition = Remembered(self._expose)
        self._public_url = public_url

    def routes(self) -> list[Route]:
        answers = {"/": self.root, "/healthz": self.healthz, "/readyz": self.readyz}
        return [Route(path, handler, READ) for path, handler in answers.items()]

    def operators_routes(self, public: set[str]) -> list[web.RouteDef]:
        """Return the operators' routes. `public` are the paths of the other listener."""

        async def description(request: web.Request) -> web.Response:
            served = {resource.canonical for resource in request.app.router.resources()}
            besides = request.app.get(BESIDES)
            more = [*await besides()] if besides else []
            return web.json_response(openapi.document(public, served - public, self._public_url, more))

        return [
            web.get("/healthz", self.healthz),
            web.get("/readyz", self.verbose_readyz),
            web.get("/metrics", self.metrics),
            web.get("/openapi.json", description),
        ]

    async def root(self, _request: web.BaseRequest) -> web.Response:
        return web.Response(text=ROOT)

    async def healthz(self, _request: web.BaseRequest) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(self, _request: web.BaseRequest) -> web.Response:
        return _answer(await self.readiness(), verbose=False)

    async def verbose_readyz(self, request: web.Request) -> web.Response:
        return _answer(await self.readiness(), verbose="verbose" in request.query)

    async def readiness(self) -> Readiness:
        """Return the readiness; a relay that stops has none."""
        readiness = STOPPING if self.stopping else await self._readiness()
        return STOPPING if self.stopping else readiness  # it may have begun to while the question was under way

    async def metrics(self, _request: web.Request) -> web.Response:
        return web.Response(body=await self._exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _expose(self) -> bytes:
        return generate_latest()


def _answer(readiness: Readiness, *, verbose: bool) -> web.Response:
    answer: dict[str, object] = {"ready": readiness.ready}
    if verbose:
        answer["checks"] = dict(readiness.checks)
        if readiness.memory:
            answer["memory"] = dict(readiness.memory)
    return web.json_response(answer, status=200 if readiness.ready else 503)
