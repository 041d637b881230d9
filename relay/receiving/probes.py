"""What probes and people ask a relay: whether it lives, whether it is ready, what it counts, what it takes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from aiohttp import web

from relay import metrics
from relay.receiving import openapi
from relay.receiving.remembered import Remembered

ROOT = """\
This is relay, the webhook target for long-running operations: it tells people in Slack and by e-mail what happens to \
them. Events are sent with POST to /webhooks/{source}; /healthz and /readyz say how it is.
"""


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether events can be accepted and delivered; `checks` says of each part what is the matter, or "ok"."""

    ready: bool
    checks: Mapping[str, str]


class Probes:
    """Set `stopping` to be asked no more. What costs something is worked out once a second, whoever asks."""

    def __init__(
        self, readiness: Callable[[], Awaitable[Readiness]], registry: metrics.CollectorRegistry, public_url: str
    ) -> None:
        self.stopping = False
        self._readiness = Remembered(readiness)
        self._exposition = Remembered(self._expose)
        self._registry = registry
        self._public_url = public_url

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/", self.root),
            web.get("/healthz", self.healthz),
            web.get("/readyz", self.readyz),
            web.get("/metrics", self.metrics),
            web.get("/openapi.json", self.openapi),
        ]

    async def root(self, _request: web.Request) -> web.Response:
        return web.Response(text=ROOT)

    async def healthz(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def readyz(self, _request: web.Request) -> web.Response:
        stopping = Readiness(ready=False, checks={"server": "stopping"})
        readiness = stopping if self.stopping else await self._readiness()
        answer = {"ready": readiness.ready, "checks": dict(readiness.checks)}
        return web.json_response(answer, status=200 if readiness.ready else 503)

    async def metrics(self, _request: web.Request) -> web.Response:
        headers = {"Content-Type": metrics.CONTENT_TYPE_LATEST}
        return web.Response(body=await self._exposition(), headers=headers)

    async def _expose(self) -> bytes:
        return metrics.exposition(self._registry)

    async def openapi(self, request: web.Request) -> web.Response:
        served = [resource.canonical for resource in request.app.router.resources()]
        return web.json_response(openapi.document(served, self._public_url))
